# SPDX-License-Identifier: Apache-2.0
"""Which addresses mail leaves from and to: those that answer, however many do not (RFC 5321 5.1, RFC 8305 5), and from the address and
by the name that the configuration says."""
import contextlib
import socket

import pytest

from harness.dns import INSECURE, Dns, Zone
from harness.hostile import Hostile
from harness.server import PASSWORD, Server
from harness.smtp import Smtp

ZONE = """\
both MX 10 mx.both
mx.both A {good}
mx.both AAAA ::1
many MX 10 mx.many
mx.many A {dead}
mx.many A {good}
own MX 10 mx.own
mx.own A {good}
"""


class Notes:
    """A good server that remembers who came, and by which name."""

    def __init__(self):
        self.came = []

    def __call__(self, call):
        call.say("220 notes.test ESMTP")
        line = call.line()
        self.came.append((call.socket.getpeername()[0], line))
        call.hello("PIPELINING")
        call.be_good(greet=False)


@contextlib.contextmanager
def nobody_answers(port):
    """At ::1 whoever connects waits: the kernel takes no more connections than these, and does not say so."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_INET6))
        try:
            listener.bind(("::1", port))
        except OSError as e:
            pytest.skip(f"no IPv6 here: {e}")
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket(socket.AF_INET6))
            waiting.setblocking(False)
            waiting.connect_ex(("::1", port))
        yield


@pytest.fixture(name="world", scope="module")
def _world():
    notes = Notes()
    with Hostile({"good": notes}) as servers:
        zone = Zone(ZONE.format(good=servers.host("good"), dead="127.0.7.250"), INSECURE)
        with Dns({"out.test": zone}) as dns, nobody_answers(servers.port):
            route = {"host": servers.host("good"), "port": servers.port, "tls": "none", "bind": "127.0.0.78", "helo": "route.example.test"}
            table = " ".join(f"routed.test/{key}={value}" for key, value in route.items())
            settings = [*dns.settings(), f"sender.smtp_port={servers.port}", "sender.allow_private_destinations=yes", f"routes.table={table}",
                        "sender.bind=127.0.0.77", "sender.helo=general.example.test", "sender.connect_timeout=300", "sender.linger=0",
                        "queue.retry_first=1h", "queue.retry_max=1h"]
            with Server(settings=settings) as server:
                server.account("kx-anna")
                server.notes = notes
                yield server


def send(server, domain):
    """How the server met whoever came to bring it; more may have come than were needed."""
    before = len(server.notes.came)
    client = Smtp.to(server, "submissions")
    assert client.login("kx-anna", PASSWORD).code == 235
    assert client.envelope("anna@example.test", f"you@{domain}").code == 250
    assert client.data(b"From: anna@example.test\r\nSubject: x\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nx\r\n").code == 250
    client.close()
    events = ("message_relayed", "message_deferred", "message_failed")
    (got,) = server.wait_for(lambda: [e for e in server.log() if e["event"] in events and e["recipient"] == f"you@{domain}"], 120)
    assert got["event"] == "message_relayed", got
    return set(server.notes.came[before:])


@pytest.mark.parametrize("domain", ("both", "many"))
def test_around_the_silent(world, domain):
    """Nobody waits for the five minutes that an address may take to connect, nor for those that refuse."""
    assert send(world, f"{domain}.out.test")


def test_address_and_name(world):
    assert send(world, "own.out.test") == {("127.0.0.77", "EHLO general.example.test")}
    assert send(world, "routed.test") == {("127.0.0.78", "EHLO route.example.test")}

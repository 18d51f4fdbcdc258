# SPDX-License-Identifier: Apache-2.0
"""REQUIRETLS and "TLS-Required: No" (RFC 8689) from a client through Siegel to servers that keep the promise, cannot prove
themselves, or have never heard of it."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.hostile import Hostile  # noqa: E402
from harness.imap import Client  # noqa: E402
from harness.outside import Certificates, Postfix  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="Postfix runs its programs as several users, which needs root")

WORDS = ("8BITMIME", "DSN", "REQUIRETLS")


class Names(Certificates):
    """One certificate for all who are proved here, and one that nobody has signed."""

    KINDS = ("good", "self")

    @staticmethod
    def kind_of(name):
        return "DNS:mail.inner.test,IP:127.0.0.1,IP:127.0.7.1,IP:127.0.7.2"


class Notes:
    """A server that is good, and remembers what MAIL said."""

    def __init__(self, certificate, *extensions):
        self.certificate, self.extensions, self.mail = certificate, extensions, []

    def __call__(self, call):
        greet = self.certificate is None
        if not greet:
            call.until("STARTTLS", "STARTTLS")
            call.say("220 2.0.0 go")
            call.starttls(self.certificate)
        while True:
            self.mail.append(call.until("MAIL", *self.extensions, greet=greet))
            call.say("250 2.1.0 ok")
            call.take(call.until("END", *self.extensions, greet=False))
            greet = False


def inbox(server, login):
    client = Client(server.connect("imaps"))
    client.login(login, PASSWORD)
    client.ok("SELECT INBOX")
    found = [u[2][u[2].index("BODY[]") + 1] for u in client.ok("UID FETCH 1:* (BODY.PEEK[])").of("FETCH")]
    client.close()
    return found


def send(server, recipient, subject, words="", header=""):
    client = Smtp.to(server, "submissions")
    assert client.login("kx-anna", PASSWORD).code == 235
    for command in (f"MAIL FROM:<anna@example.test>{words}", f"RCPT TO:<{recipient}>"):
        answer = client.command(command)
        assert answer.code == 250, answer
    text = f"From: anna@example.test\r\nTo: {recipient}\r\nSubject: {subject}\r\n{header}Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nhidden words\r\n"
    assert client.data(text.encode()).code == 250
    client.close()


def outcome(server, recipient, count=1):
    events = ("message_relayed", "message_deferred", "message_failed")
    return server.wait_for(lambda: [e for e in server.log() if e["event"] in events and e["recipient"] == recipient][count - 1:], 60)[0]


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory):
    certificates = Names(tmp_path_factory.mktemp("certificates"))
    good, own = ((certificates.path(kind), certificates.key(kind)) for kind in ("good", "self"))
    outside = {"keeps": Notes(good, *WORDS), "stranger": Notes(own, *WORDS), "open": Notes(None, *WORDS)}
    with Server(domain="inner.test") as inner, Postfix("postfix.test", tls=(certificates, "good")) as postfix, Hostile(outside) as servers:
        inner.command("tls", "install", *map(str, good))
        inner.account("kx-bert", "bert@inner.test")
        ways = {"inner.test": ("127.0.0.1", inner.port("smtp"), "may"), "postfix.test": ("127.0.0.1", postfix.port, "may"),
                "keeps.test": (servers.host("keeps"), servers.port, "may"), "stranger.test": (servers.host("stranger"), servers.port, "may"),
                "open.test": (servers.host("open"), servers.port, "encrypt"), "plain.test": (servers.host("open"), servers.port, "may")}
        table = " ".join(f"{name}/host={host} {name}/port={port} {name}/tls={tls}" for name, (host, port, tls) in ways.items())
        settings = ["queue.retry_first=1s", "queue.retry_max=1s", f"routes.table={table}", f"sender.ca_extra={certificates.folder}/ca.pem"]
        with Server(settings=settings, expected_events=("alarm",)) as server:
            server.account("kx-anna")
            server.account("kx-carl")
            server.inner, server.postfix, server.servers, server.notes = inner, postfix, servers, outside
            yield server


def test_offered_under_tls_only(world):
    client = Smtp.to(world, "submission")
    assert "REQUIRETLS" not in client.command("EHLO x.test").text
    assert "REQUIRETLS" in client.starttls(world).text
    client.close()


def test_from_siegel_to_siegel(world):
    send(world, "bert@inner.test", "demands", " REQUIRETLS")
    assert outcome(world, "bert@inner.test")["event"] == "message_relayed"
    (mail,) = world.inner.wait_for(lambda: inbox(world.inner, "kx-bert"), 60)
    assert b"Subject: demands\r\n" in mail


def test_said_to_the_next(world):
    """And the whole is not asked back, whatever the client wants: RFC 8689 5."""
    send(world, "a@keeps.test", "demands", " REQUIRETLS RET=FULL")
    assert outcome(world, "a@keeps.test")["event"] == "message_relayed"
    send(world, "b@keeps.test", "does-not-mind", " RET=FULL")
    assert outcome(world, "b@keeps.test")["event"] == "message_relayed"
    first, second = world.notes["keeps"].mail
    assert " REQUIRETLS" in first and " RET=HDRS" in first
    assert " REQUIRETLS" not in second and " RET=FULL" in second


def test_not_to_who_is_not_proved(world):
    """Though the route asks for no proof."""
    send(world, "a@stranger.test", "demands", " REQUIRETLS")
    got = outcome(world, "a@stranger.test")
    assert (got["event"], got["cause"]) == ("message_failed", "tls-failed"), got
    assert world.notes["stranger"].mail == []
    send(world, "b@stranger.test", "does-not-mind")
    assert outcome(world, "b@stranger.test")["event"] == "message_relayed"
    assert len(world.notes["stranger"].mail) == 1


def test_notice_without_the_body(world):
    """Postfix proves itself and does not know REQUIRETLS: 5.7.30, and a notice of the header alone. Other mail for the domain
    goes on as if nothing had been."""
    send(world, "a@postfix.test", "demands-of-postfix", " REQUIRETLS RET=FULL")
    got = outcome(world, "a@postfix.test")
    assert (got["event"], got["cause"]) == ("message_failed", "capability"), got
    notice = next(m for m in world.wait_for(lambda: inbox(world, "kx-anna"), 60) if b"Subject: demands-of-postfix" in m)
    assert b"\r\nStatus: 5.7.30\r\n" in notice and b"hidden words" not in notice
    send(world, "b@postfix.test", "goes-on")
    assert outcome(world, "b@postfix.test")["event"] == "message_relayed"
    assert not [e for e in world.log("destination_failed") if e["destination"] == "postfix.test"]
    assert "to=<a@postfix.test>" not in world.postfix.log_text()


def test_delivered_here(world):
    send(world, "carl@example.test", "demands-here", " REQUIRETLS")
    (mail,) = world.wait_for(lambda: inbox(world, "kx-carl"), 60)
    assert b"Subject: demands-here\r\n" in mail


def test_the_route_stands(world):
    """It demands TLS of a server that has none, and what says "TLS-Required: No" waits, too (RFC 8689 4.2.2 speaks of what the
    recipient's domain has published). What has no such demand goes, unless the envelope has one."""
    send(world, "a@open.test", "no-matter", header="TLS-Required: No\r\n")
    assert outcome(world, "a@open.test")["event"] == "message_deferred"
    send(world, "a@plain.test", "no-matter-there", header="TLS-Required: No\r\n")
    assert outcome(world, "a@plain.test")["event"] == "message_relayed"
    send(world, "b@plain.test", "matters", " REQUIRETLS", "TLS-Required: No\r\n")
    got = outcome(world, "b@plain.test")
    assert (got["event"], got["cause"]) == ("message_failed", "tls-failed"), got
    assert world.servers.taken["open"] == ["no-matter-there"]

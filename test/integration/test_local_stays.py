# SPDX-License-Identifier: Apache-2.0
"""R6 of the requirements: mail for our own domains never leaves. The DNS says that it goes to a trap, or a smart host is set, and
that one must get nothing of it."""
import os
import signal

import pytest

from harness.dns import INSECURE, Dns, Zone
from harness.server import PASSWORD, Server
from harness.smtp import Smtp
from harness.sink import Sink

TRAP = "127.0.0.40"
OURS = ("example.test", "alias.test", "later.test", "Later.TEST")


def letter(subject):
    return f"From: anna@example.test\r\nSubject: {subject}\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nhello\r\n".encode()


class World:
    def __init__(self, server, trap):
        self.server, self.trap, self.sent = server, trap, 0

    def send(self, *recipients, service="submissions"):
        """The recipients to whom that was taken."""
        client = Smtp.to(self.server, service)
        taken = []
        if client.greeting is not None and (service == "smtp" or client.login("kx-anna", PASSWORD).code == 235):
            for recipient in recipients:
                sender = "anna@example.test" if service == "submissions" else "you@outside.test"
                reply = client.envelope(sender, recipient)
                if reply is not None and reply.code == 250:
                    reply = client.data(letter("in"))
                    if reply is not None and reply.code == 250:
                        taken.append(recipient)
                        continue
                if client.command("RSET") is None:
                    break
        client.close()
        return taken

    def delivered(self, address):
        return len([e for e in self.server.log("message_delivered") if e["recipient"] == address])

    def wait_delivered(self, address, count):
        self.server.wait_for(lambda: self.delivered(address) == count, 90)

    def wait_control(self):
        """Mail for others goes: what is for us would have gone by now, too."""
        before = len(self.trap.taken)
        assert self.send("you@outside.test") == ["you@outside.test"]
        self.server.wait_for(lambda: len(self.trap.taken) > before, 90)
        assert set(self.trap.taken) == {"you@outside.test"}


@pytest.fixture(name="world", params=("MX", "smart host"))
def _world(request):
    outside = f"@ MX 10 trap\ntrap A {TRAP}\n"
    zones = {name: Zone(outside, INSECURE) for name in ("example.test", "alias.test", "later.test", "outside.test")}
    with Sink(address=TRAP) as trap, Dns(zones) as dns:
        settings = [*dns.settings(), f"sender.smtp_port={trap.port}", "sender.allow_private_destinations=yes", "queue.retry_first=1s"]
        if request.param == "smart host":
            settings.append(f"routes.table=*/host={trap.address} */port={trap.port}")
        with Server(settings=settings) as server:
            server.account("kx-anna")
            server.account("kx-berta")
            yield World(server, trap)


def test_nothing_leaves(world):
    """Own domains, an alias domain, one that becomes ours while its mail waits; and while directory dies, stops and comes again."""
    server, trap = world.server, world.trap
    assert len(world.send("berta@example.test", "Berta@EXAMPLE.test")) == 2
    assert len(world.send("berta@example.test", service="smtp")) == 1

    trap.busy = True
    assert len(world.send("berta@alias.test", "berta@later.test", "carl@Later.TEST")) == 3
    server.wait_for(lambda: len(trap.of("alias.test", "later.test")) >= 3, 90)  # they wait, and are tried
    server.command("domain", "add", "later.test")
    server.account("kx-carl", "carl@later.test")
    server.command("alias", "add", "berta@later.test", "berta@example.test")
    server.command("domain", "add", "alias.test", "--alias-of", "example.test")
    world.wait_delivered("berta@later.test", 1)
    world.wait_delivered("berta@alias.test", 1)
    world.wait_delivered("carl@later.test", 1)
    assert len(world.send("berta@alias.test")) == 1
    world.wait_delivered("berta@alias.test", 2)
    trap.busy = False
    asked = len(trap.of(*OURS))
    world.wait_control()

    server.expected.add("process_died")
    taken = 0
    for signals in ((signal.SIGKILL,), (signal.SIGSTOP, signal.SIGCONT), (signal.SIGKILL,)):
        pid = server.wait_for(lambda: server.roles().get("siegel-directory"), 60)[0]
        taken += len(world.send(*["berta@example.test"] * 3))
        os.kill(pid, signals[0])
        if signals[0] == signal.SIGKILL:
            taken += len(world.send(*["berta@example.test"] * 3))
        for sent in signals[1:]:
            os.kill(pid, sent)
        server.wait_for(lambda: world.send("berta@example.test", "berta@alias.test"), 90)
    world.wait_control()
    assert taken > 0 and len(trap.of(*OURS)) == asked and set(trap.taken) == {"you@outside.test"}
    server.wait_for(lambda: not [q for q in server.objects("queue", "list") if "outside" not in str(q)], 90)


def test_queue_without_directory(world):
    """A queue that begins while nobody says which domains are ours gives nothing away; then all goes where it belongs."""
    server, trap = world.server, world.trap
    trap.busy = True
    assert len(world.send("anna@later.test", "you@outside.test")) == 2
    server.wait_for(lambda: len(trap.of("later.test", "outside.test")) >= 2, 90)
    roles = server.roles()
    server.expected.add("process_died")
    os.kill(roles["siegel-directory"][0], signal.SIGSTOP)
    try:
        os.kill(roles["siegel-queue"][0], signal.SIGKILL)
        server.wait_for(lambda: server.roles().get("siegel-queue") not in (None, roles["siegel-queue"]), 60)
        trap.busy, trap.asked[:] = False, []
        server.wait_for(lambda: [e for e in server.log("started") if e["role"] == "queue"][1:], 60)
        assert not trap.taken
    finally:
        os.kill(roles["siegel-directory"][0], signal.SIGCONT)
    server.wait_for(lambda: sorted(trap.taken) == ["anna@later.test", "you@outside.test"], 90)

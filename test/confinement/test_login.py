# SPDX-License-Identifier: Apache-2.0
"""A taken-over greeter or frontdoor claims that somebody has logged in, in words of its own over its own channels, beside
the real mailroom and mailbox processes. It is refused, the administrator is told, and nobody else is the worse for it."""
import contextlib
import imaplib
import os
import pathlib
import socket
import struct
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from confinement import wire  # noqa: E402
from confinement.inject import Inside  # noqa: E402
from confinement.sockets import ESTABLISHED, channel_to, inodes_of, packet_sockets, tcp_descriptors, unix_peers  # noqa: E402
from confinement.world import ORDINARY, World  # noqa: E402
from harness.server import PASSWORD  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can put calls into a confined process")

ENTER, VISITOR = 1, 1
SOCK_STREAM = 1 | 0o2000000


@pytest.fixture(scope="module", params=[None, ORDINARY], ids=["root", "ordinary"])
def world(request):
    with World(request.param) as w:
        w.open_mailboxes()  # those of both accounts run: a session that were let in would find its mailbox
        yield w


def pids(world):
    return {(role, instance): pid for role, instance, pid in world.wait_ready()}


def forged(world):
    return len(world.server.log("login_forged"))


class Greeter:
    """The greeter, with a client of ours that has not logged in, and calls put into it."""

    def __init__(self, world):
        kinds = pids(world)
        self.pid = kinds["siegel-greeter", ""]
        self.directory = channel_to(self.pid, kinds["siegel-directory", ""])
        self.mailroom = channel_to(self.pid, kinds["siegel-mailroom", ""])
        self.client = socket.create_connection(("127.0.0.1", world.server.port("imap")), timeout=60)
        assert self.client.recv(500).startswith(b"* OK ")
        port = self.client.getsockname()[1]
        (self.accepted,) = world.server.wait_for(lambda: tcp_descriptors(self.pid, ESTABLISHED, port))

    def __enter__(self):
        self.inside = Inside(self.pid).__enter__()
        return self

    def __exit__(self, *of_error):
        self.inside.__exit__(*of_error)

    def enter(self, ticket):
        assert self.inside.send(self.mailroom, wire.frame(
            ENTER, wire.string(ticket), wire.string("imap"), wire.string("f1"), wire.string(b"f2 SELECT INBOX\r\n"),
            wire.flag(1), wire.string("127.0.0.1 1"), wire.FD), [self.accepted]) > 0

    def ticket(self, login):
        """What directory gives for a password."""
        near, far = self.inside.pair()
        self.inside.send(self.directory, wire.frame(wire.SESSION_OPEN, wire.FD), [far])
        self.inside.call("close", far)
        self.inside.send(near, wire.frame(wire.CLIENT, wire.FD, wire.string("imap"), wire.string("break-out"), wire.string(b"")), [self.accepted])
        self.inside.send(near, wire.frame(wire.AUTH_START, wire.string("PLAIN"), wire.flag(1), wire.flag(1),
                                          wire.string(f"\0{login}\0{PASSWORD}")))
        content = self.inside.receive(near)
        self.inside.call("close", near)
        assert wire.HEADER.unpack_from(content)[1] == wire.AUTH_DONE and content[wire.HEADER.size] == 1
        at = wire.HEADER.size + 4 + 8  # granted, temporary, hang_up, unknown; account
        (length,) = struct.unpack_from("=I", content, at)
        at += 4 + length
        assert struct.unpack_from("=I", content, at) == (16,)
        return content[at + 4:at + 20]


@pytest.mark.parametrize("ticket", [bytes(16), os.urandom(16), b"\xff" * 16], ids=["zero", "random", "ones"])
def test_greeter_invents_a_login(world, ticket):
    before, alarms = forged(world), len(world.server.log("alarm"))
    with Greeter(world) as greeter:
        greeter.enter(ticket)
    said = answers_of(greeter.client, b"f1 ")
    assert b"f1 NO " in said and b" OK " not in said, said
    world.server.wait_for(lambda: forged(world) == before + 1)
    world.server.wait_for(lambda: len(world.server.log("alarm")) > alarms)
    assert world.server.log("login_forged")[-1]["level"] == "alarm"


def test_greeter_uses_a_login_twice(world):
    """What its owner was let in with lets nobody else in."""
    before = forged(world)
    with Greeter(world) as greeter:
        ticket = greeter.ticket("kx-bert")
        greeter.enter(ticket)
        first = answers_of(greeter.client, b"f2 OK")
        assert b"f1 OK" in first and b"f2 OK" in first, first
        assert forged(world) == before
        greeter.enter(ticket)
        world.server.wait_for(lambda: forged(world) == before + 1)


def answers_of(client, until):
    said = b""
    client.settimeout(60)
    with contextlib.suppress(OSError):
        while until not in said and (piece := client.recv(4096)):
            said += piece
    return said


def test_greeter_sends_a_short_ticket(world):
    """That is no question at all: its channel is closed. A new greeter serves."""
    with Greeter(world) as greeter:
        greeter.enter(b"short")
        world.server.wait_for(lambda: greeter.inside.send(greeter.mailroom, wire.frame(ENTER)) < 0)
        greeter.inside.end()
    log_in(world)


def log_in(world):
    world.wait_ready()
    session = imaplib.IMAP4_SSL("127.0.0.1", world.server.port("imaps"), ssl_context=world.tls())
    with contextlib.closing(session.socket()):
        session.login("kx-anna", PASSWORD)
        assert session.select()[0] == "OK"


def test_frontdoor_has_nobody_to_tell(world):
    """It has no channel to those who know or decide about logins."""
    kinds = pids(world)
    others = [pid for (role, _), pid in kinds.items() if role in ("siegel-mailroom", "siegel-mailbox", "siegel-directory")]
    theirs = {inode for pid in others for inode in inodes_of(pid).values()}
    peers, packets = unix_peers(), packet_sockets()
    assert theirs & packets
    for (role, _), pid in kinds.items():
        if role == "siegel-frontdoor":
            assert not [fd for fd, inode in inodes_of(pid).items()
                        if inode in packets and peers.get(inode) in theirs]


def test_frontdoor_brings_a_session_as_if_logged_in(world):
    """A visitor that begins with the commands of a session is answered as one that has not logged in."""
    kinds = pids(world)
    pid, greeter = kinds["siegel-frontdoor", "1"], kinds["siegel-greeter", ""]
    with Inside(pid) as inside:
        ends = inside.data(bytes(8))
        assert inside.call("socketpair", 1, SOCK_STREAM, 0, ends) == 0
        near, far = struct.unpack("=ii", inside.peek(ends, 8))
        assert inside.send(channel_to(pid, greeter), wire.frame(
            VISITOR, wire.string("imaps"), wire.flag(1), wire.string("break-out"), wire.FD, wire.flag(0), wire.flag(1),
            wire.string(b"")), [far]) > 0
        text = b"f1 SELECT INBOX\r\nf2 FETCH 1 BODY[]\r\n"
        assert inside.call("write", near, inside.data(text), len(text)) == len(text)
        said = inside.receive(near)
        inside.call("close", near)
        inside.call("close", far)
    assert b"f1 BAD" in said and b" OK " not in said, said


def test_frontdoor_speaks_for_greeter(world):
    """The message that lets a session in is none between these two: the channel is closed, and that is logged."""
    kinds = pids(world)
    pid, greeter = kinds["siegel-frontdoor", "1"], kinds["siegel-greeter", ""]
    before = len(world.server.log("channel_broken"))
    with Inside(pid) as inside:
        channel = channel_to(pid, greeter)
        near, far = inside.pair()
        inside.send(channel, wire.frame(
            ENTER, wire.string(os.urandom(16)), wire.string("imap"), wire.string("f1"), wire.string(b""), wire.flag(1),
            wire.string("127.0.0.1 1"), wire.FD), [far])
        world.server.wait_for(lambda: len(world.server.log("channel_broken")) == before + 1)
        assert world.server.log("channel_broken")[-1]["role"] == "greeter"
        inside.call("close", near)
        inside.end()
    log_in(world)


def test_nobody_else_was_harmed(world):
    log_in(world)
    served = {"siegel-mailroom", "siegel-mailbox", "siegel-directory"}
    assert not [row for row in world.server.log("process_died") if row.get("process_role") in
                {name.removeprefix("siegel-") for name in served}]

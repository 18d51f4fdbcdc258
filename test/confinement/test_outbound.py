# SPDX-License-Identifier: Apache-2.0
"""A taken-over sender, resolver, fetcher or ledger says what it likes to those who listen to it: results of deliveries that it
was not given, what is not its to say, what is no message at all. They stay as they are, and the administrator is told. And a sender that dials
this server's own ports is a stranger there."""
import os
import pathlib
import re
import socket
import struct
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from confinement import wire  # noqa: E402
from confinement.inject import Inside  # noqa: E402
from confinement.sockets import channel_to  # noqa: E402
from confinement.world import ORDINARY, SETTINGS, World  # noqa: E402
from harness.server import PASSWORD  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can put calls into a confined process")

MESSAGE = b"From: anna@example.test\r\nTo: you@remote.test\r\nSubject: out\r\n\r\nhello\r\n"
READY, JOB, OUTCOME, RESULT = 1, 3, 4, 5
LOOKUP, LOOKUP_DONE, VALIDATION = 2, 3, 4
STS_FETCH, STS_FETCHED = 1, 2
STS_ASK, STS_POLICY = 1, 2


@pytest.fixture(scope="module", params=[None, ORDINARY], ids=["root", "ordinary"])
def world(request):
    """One message waits: the server that it is for takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        route = f"routes.table=remote.test/host=127.0.0.1 remote.test/port={silent.getsockname()[1]}"
        with World(request.param, settings=[*SETTINGS, route]) as w:
            client = Smtp.to(w.server, "submissions")
            assert client.login("kx-anna", PASSWORD).code == 235
            assert client.envelope("anna@example.test", "you@remote.test").code == 250
            assert client.data(MESSAGE).code == 250
            client.close()
            yield w


def pid_of(world, role):
    return next(pid for name, _, pid in world.wait_ready() if name == f"siegel-{role}")


def say(world, speaker, hearer, content, descriptors=0):
    """Says that over the channel between the two, and has what was kept of the speaker ended: a new one starts."""
    pid, other = pid_of(world, speaker), pid_of(world, hearer)
    before = len(world.server.log("channel_broken"))
    with Inside(pid) as inside:
        channel = channel_to(pid, other)
        assert inside.send(channel, content, [channel] * descriptors) > 0
        world.server.wait_for(lambda: len(world.server.log("channel_broken")) > before)
        inside.end()
    assert world.server.log("channel_broken")[-1]["role"] == hearer
    assert pid_of(world, hearer) == other


def still_waits(world):
    (message,) = world.server.objects("queue", "list")
    return message["recipients"] == ["you@remote.test"]


# ---- sender ----------------------------------------------------------------------------------------------------------

def result(job, transaction, kind=0):
    outcome = wire.question(OUTCOME, wire.number(0), wire.number(kind), wire.flag(0), wire.flag(0), wire.number(0), wire.number(250),
                            wire.string("2.0.0"), wire.string("taken"))
    return wire.frame(RESULT, wire.number(job), wire.string(transaction), wire.string("mx.remote.test"), wire.flag(1), outcome)


def test_sender_invents_results(world):
    """Of jobs that it was not given: nothing becomes of them."""
    pid = pid_of(world, "sender")
    before = len(world.server.log("result_forged"))
    with Inside(pid) as inside:
        channel = channel_to(pid, pid_of_waiting(world, "queue"))
        for job in (2**63, 2**64 - 1):
            assert inside.send(channel, result(job, os.urandom(16))) > 0
    world.server.wait_for(lambda: len(world.server.log("result_forged")) == before + 2)
    assert world.server.log("result_forged")[-1]["level"] == "alarm"
    assert not world.server.log("message_relayed") and still_waits(world)
    assert pid_of(world, "sender") == pid


def pid_of_waiting(world, role):
    """While another process is stopped wait_ready() would wait for that."""
    (pid,) = world.server.roles()[f"siegel-{role}"]
    return pid


SAID_TO_QUEUE = {
    "a job": lambda: wire.frame(JOB, wire.number(1), wire.string(os.urandom(16)), wire.string("example.test")),
    "more credit than a message may": lambda: wire.frame(READY, wire.number(4097)),
    "a short number": lambda: result(1, b"short"),
}


@pytest.mark.parametrize("what", SAID_TO_QUEUE)
def test_sender_says_what_is_not_its_to_say(world, what):
    say(world, "sender", "queue", SAID_TO_QUEUE[what]())
    assert still_waits(world)


def converse(inside, port, lines):
    """What a server at that port says first, and to each of the lines."""
    fd = inside.call("socket", 2, 1, 0)
    name = struct.pack("=H", 2) + struct.pack("!H4B8x", port, 127, 0, 0, 1)
    assert inside.call("connect", fd, inside.data(name), 16) == 0
    said = [inside.receive(fd)]
    for line in lines:
        inside.send(fd, line + b"\r\n")
        reply = b""
        while not re.search(rb"^\d{3} .*\r\n\Z", reply, re.M) and (piece := inside.receive(fd)):
            reply += piece
        said.append(reply)
    inside.call("close", fd)
    return said


OWN_PORTS = {"smtp": b"EHLO", "submission": b"EHLO", "lmtp": b"LHLO"}


@pytest.mark.parametrize("service", OWN_PORTS)
def test_sender_is_a_stranger_at_our_own_ports(world, service):
    lines = [OWN_PORTS[service] + b" client.test", b"MAIL FROM:<anna@example.test>", b"RCPT TO:<somebody@elsewhere.test>"]
    with Inside(pid_of(world, "sender")) as inside:
        greeting, hello, _, recipient = converse(inside, world.server.port(service), lines)
    assert greeting.startswith(b"220 ") and hello.startswith(b"250")
    assert recipient[:1] in (b"4", b"5"), recipient


# ---- those who answer ------------------------------------------------------------------------------------------------

def answer(*fields):
    return wire.frame(LOOKUP_DONE, *fields)


NO_MESSAGE = {
    "of another version": lambda: wire.HEADER.pack(wire.version() ^ 1, VALIDATION, 0) + wire.number(0) + wire.string(""),
    "of no kind": lambda: wire.frame(60, wire.number(0)),
    "a part of a head": lambda: wire.frame(VALIDATION)[:5],
    "cut off": lambda: answer(wire.number(0), wire.flag(1)),
    "a number out of bounds": lambda: wire.frame(VALIDATION, wire.number(3), wire.string("")),
    "a text out of bounds": lambda: wire.frame(VALIDATION, wire.number(1), wire.string("x" * 201)),
    "a length beyond its end": lambda: wire.frame(VALIDATION, wire.number(1), struct.pack("=I", 1 << 30)),
    "with more behind it": lambda: wire.frame(VALIDATION, wire.number(1), wire.string("")) + b"more",
    "an answer that nobody asked for": lambda: answer(
        wire.number(0), wire.flag(1), wire.flag(1), wire.string("remote.test"), wire.flag(0), wire.flag(0), wire.number(60),
        wire.string(""), wire.string(b"")),
    "a question": lambda: wire.frame(LOOKUP, wire.string("example.test"), wire.number(1), wire.number(1000)),
}


@pytest.mark.parametrize("what", NO_MESSAGE)
def test_resolver_says_no_message(world, what):
    say(world, "resolver", "sender", NO_MESSAGE[what]())


def test_resolver_sends_a_descriptor(world):
    say(world, "resolver", "sender", wire.frame(VALIDATION, wire.number(1), wire.string("")), descriptors=1)


OTHERS = {
    "fetcher to ledger": ("fetcher", "ledger", lambda: wire.frame(STS_FETCHED, wire.number(9))),
    "fetcher asks ledger": ("fetcher", "ledger", lambda: wire.frame(STS_FETCH, wire.string("a.test"), wire.string(""), wire.number(1000))),
    "ledger to sender": ("ledger", "sender", lambda: wire.frame(STS_POLICY, wire.flag(2))),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_say_no_message(world, name):
    speaker, hearer, content = OTHERS[name]
    say(world, speaker, hearer, content())


def test_nobody_else_was_harmed(world):
    """Only those died that the tests ended, and the message still waits for its server."""
    died = {entry["process_role"] for entry in world.server.log("process_died")}
    assert died <= {"sender", "resolver", "fetcher", "ledger"}
    assert still_waits(world) and not world.server.log("message_relayed") and not world.server.log("notice_made")

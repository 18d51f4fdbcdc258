# SPDX-License-Identifier: Apache-2.0
"""A taken-over receiver speaks over its own channels: to relay, to send as somebody else, to have mail taken that nobody
allowed. The answers of directory and queue are what is tested, and what is in the mailboxes in the end."""
import contextlib
import imaplib
import os
import pathlib
import socket
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from confinement import wire  # noqa: E402
from confinement.inject import Inside  # noqa: E402
from confinement.sockets import ESTABLISHED, channel_to, tcp_descriptors  # noqa: E402
from confinement.world import ORDINARY, SETTINGS, World  # noqa: E402
from harness.server import PASSWORD  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can put calls into a confined process")

MESSAGE_MAX = 1 << 20
MESSAGE = b"From: anna@example.test\r\nSubject: test\r\n\r\nbody\r\n"


@pytest.fixture(scope="module", params=[None, ORDINARY], ids=["root", "ordinary"])
def world(request):
    with World(request.param, settings=[*SETTINGS, f"smtp.message_max={MESSAGE_MAX}"]) as w:
        yield w


class Session:
    """A channel that the receiver opened to directory or queue, as it does for each of its sessions."""

    def __init__(self, inside, opener):
        self.inside = inside
        self.fd, far = inside.pair()
        assert inside.send(opener, wire.frame(wire.SESSION_OPEN, wire.FD), [far]) > 0
        inside.call("close", far)

    def say(self, message, *fields, descriptors=()):
        """False when the other side has ended the channel."""
        return self.inside.send(self.fd, wire.frame(message, *fields), descriptors) > 0

    def hear(self, patience=5):
        """The next answer; None at the end."""
        content = self.inside.receive(self.fd, patience)
        assert content is not None, "no answer"
        return wire.read_answer(content) if content else None

    def ask(self, message, *fields):
        return self.hear() if self.say(message, *fields) else None

    # ---- directory ---------------------------------------------------------------------------------------------------
    def client(self, service, accepted, proxied=b""):
        assert self.say(wire.CLIENT, wire.FD, wire.string(service), wire.string("break-out"), wire.string(proxied), descriptors=[accepted])

    def mail(self, sender):
        return self.ask(wire.QUESTIONS, wire.question(
            wire.MAIL, wire.string(sender), wire.string("client.test"), wire.flag(1), wire.number(0), wire.flag(0),
            wire.number(0), wire.number(0), wire.string(""), wire.flag(0)))

    def rcpt(self, recipient):
        return self.ask(wire.QUESTIONS, wire.question(wire.RCPT, wire.string(recipient), wire.number(0), wire.string("")))

    def data(self):
        return self.ask(wire.QUESTIONS, wire.question(wire.DATA))

    def log_in(self, login, password):
        """Whether directory granted it; None at the end of the channel."""
        self.say(wire.AUTH_START, wire.string("PLAIN"), wire.flag(1), wire.flag(1), wire.string(f"\0{login}\0{password}"))
        content = self.inside.receive(self.fd)
        if not content:
            return None
        return wire.HEADER.unpack_from(content)[1] == wire.AUTH_DONE and content[wire.HEADER.size] == 1

    # ---- queue -------------------------------------------------------------------------------------------------------
    def begin(self, transaction):
        return self.say(wire.BODY_BEGIN, wire.string(transaction), wire.string(b""))

    def body(self, content):
        return self.say(wire.BODY, wire.string(content))

    def end(self, size):
        return self.say(wire.BODY_END, wire.number(size))


class Receiver:
    """The receiver of a service, with a client of ours at its port, and calls put into it."""

    def __init__(self, world, service):
        kinds = {(role, instance): pid for role, instance, pid in world.wait_ready()}
        self.pid = kinds["siegel-receiver", service]
        self.directory = channel_to(self.pid, kinds["siegel-directory", ""])
        self.queue = channel_to(self.pid, kinds["siegel-queue", ""])
        self.client = socket.create_connection(("127.0.0.1", world.server.port(service)))
        port = self.client.getsockname()[1]
        (self.accepted,) = world.server.wait_for(lambda: tcp_descriptors(self.pid, ESTABLISHED, port))
        self.service = service

    def __enter__(self):
        self.inside = Inside(self.pid).__enter__()
        return self

    def __exit__(self, *of_error):
        self.inside.__exit__(*of_error)
        self.client.close()

    def to_directory(self):
        session = Session(self.inside, self.directory)
        session.client(self.service, self.accepted)
        return session

    def to_queue(self):
        return Session(self.inside, self.queue)


def count_of(world, login):
    """How many messages are in the inbox."""
    session = imaplib.IMAP4_SSL("127.0.0.1", world.server.port("imaps"), ssl_context=world.tls())
    with contextlib.closing(session.socket()):
        session.login(login, PASSWORD)
        return int(session.select()[1][0])


def is_refused(answer):
    return answer is None or 400 <= answer.code <= 599


def test_relay_without_login(world):
    with Receiver(world, "smtp") as r:
        session = r.to_directory()
        assert session.mail("anybody@outside.test").code == 250
        for recipient in ("somebody@elsewhere.test", "somebody%elsewhere.test@example.test", "@example.test:a@elsewhere.test",
                          '"a@elsewhere.test"@example.test', "somebody@elsewhere.test@example.test"):
            assert is_refused(session.rcpt(recipient)), recipient
        assert is_refused(session.data())


def test_log_in_where_there_are_no_logins(world):
    with Receiver(world, "smtp") as r:
        assert not r.to_directory().log_in("kx-anna", PASSWORD)


def test_submit_without_login(world):
    with Receiver(world, "submission") as r:
        session = r.to_directory()
        assert is_refused(session.mail("anna@example.test"))
        assert is_refused(session.rcpt("bert@example.test"))
        assert is_refused(session.data())


def test_send_as_another(world):
    with Receiver(world, "submission") as r:
        session = r.to_directory()
        assert session.log_in("kx-bert", PASSWORD)
        assert session.mail("bert@example.test").code == 250
        for sender in ("anna@example.test", "postmaster@example.test", "anybody@outside.test"):
            assert is_refused(session.mail(sender)), sender
        assert is_refused(session.rcpt("anna@example.test"))


def test_claim_another_service(world):
    """directory knows the service from the channel, not from what is said over it."""
    with Receiver(world, "smtp") as r:
        session = Session(r.inside, r.directory)
        session.client("submission", r.accepted)
        assert not session.log_in("kx-anna", PASSWORD)


@pytest.mark.parametrize("transaction", [bytes(16), os.urandom(16), b"short"], ids=["zero", "random", "short"])
def test_unknown_transaction(world, transaction):
    with Receiver(world, "smtp") as r:
        session = r.to_queue()
        session.begin(transaction)
        session.body(MESSAGE)
        session.end(len(MESSAGE))
        answers = []
        while (answer := session.hear()) is not None:
            answers.append(answer.code)
        assert all(code >= 400 for code in answers)


def granted(r):
    session = r.to_directory()
    assert session.mail("friend@outside.test").code == 250
    assert session.rcpt("anna@example.test").code == 250
    verdict = session.data()
    assert verdict.code < 400
    return verdict.transaction


def test_transaction_is_good_once(world):
    before = count_of(world, "kx-anna")
    with Receiver(world, "smtp") as r:
        transaction = granted(r)
        session = r.to_queue()
        session.begin(transaction)
        session.body(MESSAGE)
        session.end(len(MESSAGE))
        assert session.hear().code == 250
        for again in (session, r.to_queue()):
            again.begin(transaction)
            again.body(MESSAGE)
            again.end(len(MESSAGE))
            assert is_refused(again.hear())
    world.server.wait_for(lambda: count_of(world, "kx-anna") == before + 1)


def test_past_a_refusal(world):
    """What queue has refused stays refused, whatever is said next."""
    before = count_of(world, "kx-anna")
    piece = b"x" * 60000 + b"\r\n"
    with Receiver(world, "smtp") as r:
        session = r.to_queue()
        session.begin(granted(r))
        sent = 0
        while sent <= MESSAGE_MAX:
            assert session.body(piece)
            sent += len(piece)
        assert session.hear().code == 552
        session.end(sent)
        session.end(sent)
        assert session.hear() is None
    assert count_of(world, "kx-anna") == before


def test_size_that_is_not_true(world):
    with Receiver(world, "smtp") as r:
        session = r.to_queue()
        session.begin(granted(r))
        session.body(MESSAGE)
        session.end(len(MESSAGE) - 1)
        assert is_refused(session.hear())


def test_it_still_serves(world):
    """All of that went on inside processes that nobody else had to miss."""
    assert not world.server.log("process_died")
    for service in ("smtp", "submission"):
        with Receiver(world, service) as r:
            assert r.client.recv(4) == b"220 "

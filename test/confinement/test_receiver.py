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
from confinement.inject import Inside  # noqa: E402
from confinement.sockets import ESTABLISHED, channel_to, tcp_descriptors  # noqa: E402
from confinement.talk import Session, is_refused  # noqa: E402
from confinement.world import ORDINARY, SETTINGS, World  # noqa: E402
from harness.server import PASSWORD  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can put calls into a confined process")

MESSAGE_MAX = 1 << 20
MESSAGE = b"From: anna@example.test\r\nSubject: test\r\n\r\nbody\r\n"


@pytest.fixture(scope="module", params=[None, ORDINARY], ids=["root", "ordinary"])
def world(request):
    with World(request.param, settings=[*SETTINGS, f"smtp.message_max={MESSAGE_MAX}"]) as w:
        yield w


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

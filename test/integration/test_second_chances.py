# SPDX-License-Identifier: Apache-2.0
"""Mailbox processes that crash or cannot open their account, and front doors whose settings change while they serve."""
import contextlib
import imaplib
import os
import pathlib
import signal
import socket
import time

import pytest

from harness import server


def log_in(s, login="kx-anna"):
    """What a login is answered: "OK", or the reason."""
    session = imaplib.IMAP4("127.0.0.1", s.port("imap"))
    with contextlib.closing(session.socket()):
        try:
            session.login(login, server.PASSWORD)
            return session.select()[0]
        except imaplib.IMAP4.error as e:
            return str(e)


def mailbox_pids(s):
    return [pid for pid in s.pids() if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("siegel-mailbox")]


def crash(s):
    (pid,) = s.wait_for(lambda: mailbox_pids(s))
    died = len(s.log("process_died"))
    os.kill(pid, signal.SIGKILL)
    s.wait_for(lambda: len(s.log("process_died")) > died)


def test_one_that_crashes_again_and_again_is_started_later():
    with server.Server(expected_events={"process_died"}) as s:
        s.account("kx-anna")
        assert log_in(s) == "OK"
        crash(s)
        assert log_in(s) == "OK"  # the first time at once
        crash(s)
        begun = time.monotonic()
        answer = log_in(s)
        assert "UNAVAILABLE" in answer and "again in a while" in answer
        assert not mailbox_pids(s)
        s.wait_for(lambda: log_in(s) == "OK")
        assert time.monotonic() - begun > 0.5
        crash(s)
        begun = time.monotonic()
        s.wait_for(lambda: log_in(s) == "OK")
        assert time.monotonic() - begun > 1.5


def test_mailboxes_of_others_are_not_held_up():
    with server.Server(expected_events={"process_died"}) as s:
        s.account("kx-anna")
        s.account("kx-bert")
        for _ in range(2):
            assert log_in(s) == "OK"
            crash(s)
        assert "UNAVAILABLE" in log_in(s)
        assert log_in(s, "kx-bert") == "OK"


def test_an_account_that_could_not_be_opened_is_tried_again():
    with server.Server(expected_events={"store_failed"}) as s:
        s.account("kx-anna")
        assert log_in(s) == "OK"
        s.command("stop")
        s.process.wait(20)
        (home,) = [p.parent for p in s.folder.rglob("account.db")]
        (home / "account.db").rename(home / "aside.db")
        (home / "account.db").mkdir()  # nothing that SQLite can open, and nothing damaged
        s.start()
        assert "UNAVAILABLE" in log_in(s)
        (home / "account.db").rmdir()
        (home / "aside.db").rename(home / "account.db")
        s.wait_for(lambda: log_in(s) == "OK", timeout=15)


def says_hello(s):
    with socket.create_connection(("127.0.0.1", s.port("imap")), timeout=10) as connection:
        try:
            return connection.recv(100).startswith(b"* OK ")
        except ConnectionError:
            return False


@pytest.mark.parametrize("user", [None, 65534] if os.geteuid() == 0 else [None])
def test_front_doors_take_settings_while_they_serve(user):
    with server.Server(user=user) as s:
        doors = [p["pid"] for p in s.objects("status") if p["role"] == "frontdoor"]
        assert says_hello(s)
        good = s.conf.read_text()
        s.conf.write_text(good.replace("server:\n", "server:\n  internal_networks: [10.0.0.0/8]\n", 1))
        s.command("reload")
        assert not any(says_hello(s) for _ in range(8))  # whichever front door is met
        s.conf.write_text(good)
        s.command("reload")
        assert all(says_hello(s) for _ in range(8))
        assert [p["pid"] for p in s.objects("status") if p["role"] == "frontdoor"] == doors

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
        while (answer := log_in(s)) == "OK":  # the wait was over already, so the next one is longer
            crash(s)
            begun = time.monotonic()
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
        s.wait_for(lambda: log_in(s) == "OK")


def says_hello(s):
    with socket.create_connection(("127.0.0.1", s.port("imap")), timeout=60) as connection:
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


def test_front_doors_take_more_connections_than_at_their_start():
    s = server.Server()
    s.init()
    few = s.conf.read_text()
    s.conf.write_text(few + "imap: {sessions_max: 1, greeting_max: 1}\n")
    try:
        s.start()
        held = [come(s) for _ in range(4)]
        assert None in held
        s.conf.write_text(few + "imap: {sessions_max: 1000}\n")
        s.command("reload")
        held += [come(s) for _ in range(4 * len(pids_of(s, "frontdoor")) + 1)]
        assert None not in held[4:]
        for connection in filter(None, held):
            connection.close()
        s.stop()
    finally:
        s.clean()


LIMIT = 4


@pytest.fixture(scope="module")
def crowded():
    settings = ("server.internal_networks=10.0.0.0/8", f"imap.sessions_per_address={LIMIT}")
    with server.Server(settings=settings, expected_events={"process_died"}) as s:
        yield s


def pids_of(s, role):
    return [p["pid"] for p in s.objects("status") if p["role"] == role and p["state"] == "running"]


@contextlib.contextmanager
def asleep(s, pids):
    """So that a connection comes to another front door."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:  # which takes a moment, in which it might still be woken by a connection
        s.wait_for(lambda: pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def come(s, source="127.0.9.1"):
    """A connection that was greeted, or None."""
    try:
        connection = s.connect("imaps", source=source)
        if connection.recv(4) == b"* OK":
            return connection
        connection.close()
    except OSError:
        pass
    return None


def come_to(s, door, count, source="127.0.9.1"):
    with asleep(s, [pid for pid in pids_of(s, "frontdoor") if pid != door]):
        return [come(s, source) for _ in range(count)]


def test_connections_of_an_address_are_counted_over_all_front_doors(crowded):
    s = crowded
    one, other = pids_of(s, "frontdoor")[:2]
    held = come_to(s, one, 2) + come_to(s, other, 2)
    assert None not in held
    assert come_to(s, one, 1) == [None] and come_to(s, other, 1) == [None]
    assert None not in come_to(s, one, 1, source="127.0.9.2")  # others are not kept out
    held.pop(0).close()
    held += [s.wait_for(lambda: come_to(s, other, 1)[0])]
    assert come_to(s, one, 1) == [None]
    # A front door that dies takes its connections and their count with it; what the other one has still counts.
    before = len(s.log("process_died"))
    os.kill(one, signal.SIGKILL)
    s.wait_for(lambda: len(s.log("process_died")) > before and len(pids_of(s, "frontdoor")) > 1)
    new = next(pid for pid in pids_of(s, "frontdoor") if pid != other)
    held = held[1:] + [s.wait_for(lambda: come_to(s, new, 1)[0])]
    assert come_to(s, other, 1) == [None] and come_to(s, new, 1) == [None]
    for connection in held:
        connection.close()


@pytest.mark.parametrize("event", ["reload", "death"])
def test_a_new_greeter_counts_those_that_are_here(crowded, event):
    s = crowded
    source = f"127.0.10.{len(event)}"
    one, other = pids_of(s, "frontdoor")[:2]
    held = come_to(s, one, 2, source) + come_to(s, other, 2, source)
    assert None not in held
    (greeter,) = pids_of(s, "greeter")
    if event == "reload":
        s.command("reload")
    else:
        os.kill(greeter, signal.SIGKILL)
    s.wait_for(lambda: any(pid != greeter for pid in pids_of(s, "greeter")))
    s.wait_for(lambda: come(s, source="127.0.11.1"))
    assert come_to(s, one, 1, source) == [None] and come_to(s, other, 1, source) == [None]
    held.pop().close()
    held += [s.wait_for(lambda: come_to(s, one, 1, source)[0])]
    assert come_to(s, other, 1, source) == [None]
    for connection in held:
        connection.close()

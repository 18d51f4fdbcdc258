# SPDX-License-Identifier: Apache-2.0
"""What a client of IMAP could try, before its login and after it."""
import pathlib
import socket
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.imap import Client  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402

MIB = 1 << 20


@pytest.fixture(scope="module")
def server():
    settings = ("mailbox.append_max=2097152", "mailbox.sessions_max=12", "mailbox.folders_max=40", "login.failures_per_network=1000")
    with Server(settings=settings) as s:
        s.account("kx-anna")
        s.account("kx-bert")
        s.account("kx-carl")
        yield s


def greeted(server):
    return Client(server.connect("imaps"))


def logged_in(server, login="kx-anna"):
    client = greeted(server)
    client.login(login, PASSWORD)
    return client


def still_serves(server):
    client = logged_in(server)
    assert client.ok("NOOP")
    client.close()


def last_words(client):
    """What the server says until it hangs up."""
    said = []
    try:
        while len(said) < 100:
            said.append(client.response())
    except ConnectionError:
        return b"\n".join(said)
    raise AssertionError("it does not end")


# ---- before the login ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("data", (b"a LOGIN {2000000}\r\n", b"a LOGIN {2000000+}\r\n" + b"x" * 70000, b"a " + b"x" * 200000 + b"\r\n",
                                  b"a LOGIN {99999999999999999999}\r\n", b"\0" * 100000, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20,
                                  b"a NOOP\nb NOOP\n"))
def test_much_before_login(server, data):
    """Memory before a login is bounded: the answer is a refusal or the end, soon."""
    client = greeted(server)
    try:
        client.send(data)
    except OSError:
        return
    client.socket.settimeout(60)
    first = client.line() if data != b"\0" * 100000 else last_words(client)
    assert b" OK" not in first, first
    still_serves(server)


def test_nothing_but_login(server):
    """RFC 3501 3.1: without a login there is nothing to be had."""
    client = greeted(server)
    for text in ("SELECT INBOX", 'LIST "" *', "STATUS INBOX (MESSAGES)", "FETCH 1 BODY[]", "CREATE x", "IDLE"):
        assert client.command(text).status == "BAD", text


def test_waiting_commands_are_nobodys(server):
    """What was sent behind a login that fails is not run as somebody."""
    client = greeted(server)
    client.send(b'a LOGIN kx-anna wrong\r\nb SELECT INBOX\r\n')
    assert client.response().startswith(b"a NO") and client.response().startswith(b"b BAD")


def test_waiting_commands_follow_a_login(server):
    """What was sent behind a login that succeeds is run after it, none is lost on the way to another process."""
    client = greeted(server)
    client.send(f'a LOGIN kx-anna "{PASSWORD}"\r\nb SELECT INBOX\r\nc NOOP\r\n'.encode())
    found = [b"*"]
    while found[-1] != b"c":
        found.append(client.response().split(b" ")[0])
    assert [tag for tag in found if tag != b"*"] == [b"a", b"b", b"c"]
    client.close()


# ---- after it --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", (
    "SEARCH " + "(" * 1000 + "ALL" + ")" * 1000, "SEARCH " + "NOT " * 1000 + "ALL", "SEARCH " + "OR ALL " * 2000 + "ALL",
    "FETCH 1 (" + " ".join(["BODY[1]"] * 5000) + ")", "FETCH 1 BODY[" + "1." * 1000 + "1]", "FETCH " + "1," * 20000 + "1 FLAGS",
    "FETCH 1 BODY[HEADER.FIELDS (" + "x " * 5000 + "y)]", "STORE 1 +FLAGS (" + " ".join(f"k{n}" for n in range(3000)) + ")",
    "LIST (" + "SUBSCRIBED " * 1000 + ') "" *', 'LIST "" "' + "*%" * 400 + 'x"'), ids=lambda t: t[:16])
def test_expensive_commands(server, text):
    """Every count has a limit; the answer costs little, whatever it is, and the session goes on."""
    client = logged_in(server)
    client.ok("SELECT INBOX")
    before = server.processor_seconds("mailbox")
    assert client.command(text).status in ("OK", "NO", "BAD")
    assert server.processor_seconds("mailbox") - before < 1
    client.ok("NOOP")
    client.close()


@pytest.mark.parametrize("name", ("../../etc/passwd", "/etc/passwd", "..", "a/../b", "a//b", "/a", "a\x01b", "&", "a" * 3000, "x/" * 60 + "y",
                                  "~bert/INBOX", "#news.x", "kx-bert/INBOX", "accounts/3", ".", "-"))
def test_names_are_only_names(server, name):
    """A mailbox name is a name in the account's own store and no path; whatever it is, nothing of others is reached."""
    client = logged_in(server)
    for verb in ("SELECT", "CREATE", "DELETE"):
        assert client.command(f'{verb} "{name}"').status in ("OK", "NO", "BAD")
    assert client.command(f'STATUS "{name}" (MESSAGES)').status in ("NO", "BAD")
    client.ok("NOOP")
    client.close()


def test_upload_too_large(server):
    """Refused before it is sent where the client asks; read past where it does not, and the session goes on or ends."""
    client = logged_in(server)
    answer = client.command("APPEND INBOX {}", b"x" * (2 * MIB + 1))
    assert answer.status == "NO" and (answer.code or "").startswith("TOOBIG"), answer
    client.ok("NOOP")
    client.send(b"z APPEND INBOX {%d+}\r\n" % (3 * MIB) + b"x" * (3 * MIB) + b"\r\n")
    assert b" OK" not in client.response()
    still_serves(server)
    assert logged_in(server).ok("STATUS INBOX (MESSAGES)").of("STATUS")[0][2] == ["MESSAGES", "0"]


def test_too_many_folders(server):
    client = logged_in(server, "kx-bert")
    statuses = [client.command(f"CREATE many{n}").status for n in range(60)]
    assert statuses[0] == "OK" and statuses[-1] == "NO", statuses
    client.close()


def test_too_many_sessions(server):
    """mailbox.sessions_max: refused with a word; those that are in stay, other accounts are untouched."""
    held = [logged_in(server, "kx-carl") for _ in range(12)]
    client = greeted(server)
    client.send(f'a LOGIN kx-carl "{PASSWORD}"\r\n'.encode())
    assert b"* BYE" in last_words(client)
    assert all(h.command("NOOP").status == "OK" for h in held)
    assert logged_in(server, "kx-bert").ok("NOOP")
    for h in held:
        h.close()
    server.wait_for(lambda: serves(server, "kx-carl"))


def serves(server, login):
    try:
        logged_in(server, login).close()
    except (AssertionError, OSError):
        return False
    return True


def test_slow_reader(server):
    """A client that asks for much and does not read holds up nobody else, not even in the same mailbox."""
    filler = logged_in(server)
    filler.ok("CREATE much")
    for _ in range(20):
        filler.ok("APPEND much {}", b"Subject: much\r\n\r\n" + b"line of text\r\n" * 70000)
    slow = logged_in(server)
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.ok("SELECT much")
    slow.send(b"s FETCH 1:* BODY.PEEK[]\r\n" * 20)
    filler.ok("SELECT much")
    filler.ok("STORE 1 +FLAGS (\\Flagged)")
    assert len(filler.ok("FETCH 2 BODY.PEEK[]").of("FETCH")[0][2][1]) > 900000
    still_serves(server)
    slow.close()
    filler.ok("NOOP")
    filler.close()


def test_half_a_goodbye(server):
    """A client that closes its side in the middle of a command, or of a literal, is let go."""
    for data in (b"a SEL", b"a APPEND INBOX {100}\r\n", b"a APPEND INBOX {100+}\r\nhalf", b"a IDLE\r\n", b"a FETCH 1:* BODY[]\r\n"):
        client = logged_in(server)
        client.send(data)
        client.socket.shutdown(socket.SHUT_WR)
        client.socket.close()
    still_serves(server)
    assert logged_in(server).ok("STATUS INBOX (MESSAGES)").of("STATUS")[0][2] == ["MESSAGES", "0"]

# SPDX-License-Identifier: Apache-2.0
"""One mailbox process, as it is shipped and confined, with its neighbours played by stand_mailbox."""
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("SIEGEL_BUILD", ROOT / "b"))
MESSAGE = (b"From: Anna <anna@example.org>\r\nTo: kx@example.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
           b"Date: Mon, 23 Nov 2026 07:00:00 +0100\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nfirst part\r\n"
           b"--b\r\nContent-Type: text/html\r\n\r\n<p>second</p>\r\n--b--\r\n")


PATIENCE = 60


def wait_for(what):
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


class Stand:
    def __init__(self, folder, *settings):
        self.folder, self.lines = folder, queue.Queue()
        self.process = subprocess.Popen(
            [BUILD / "test/stand/stand_mailbox", BUILD / "siegel-mailbox", folder, *settings],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.log = []
        threading.Thread(target=self.read, daemon=True).start()
        self.port = int(self.wait("port").split()[1])
        self.pid = int(self.wait("pid").split()[1])
        self.wait("running")

    def read(self):
        for line in self.process.stdout:
            self.log.append(line)
            self.lines.put(line)

    def wait(self, start, seconds=PATIENCE):
        """The next line that begins so; others are passed over."""
        end = time.monotonic() + seconds
        while True:
            line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            if line.startswith(start):
                return line

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def stop(self):
        self.say("stop")
        assert self.wait("ended") == "ended 0\n"
        self.process.wait(PATIENCE)


class Client:
    def __init__(self, stand, select=None):
        self.socket = socket.create_connection(("127.0.0.1", stand.port), timeout=PATIENCE)
        self.file, self.n = self.socket.makefile("rb"), 0
        self.greeting = self.file.readline()
        if select:
            self.ok(f"SELECT {select}")

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def response(self):
        """One response, with its literals."""
        line = self.file.readline()
        if not line:
            raise EOFError
        while (literal := re.search(rb"\{(\d+)\}\r\n$", line)):
            line += self.file.read(int(literal.group(1))) + self.file.readline()
        return line

    def run(self, command, literal=None):
        self.n += 1
        tag = b"t%d " % self.n
        self.send(tag + (command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        untagged = []
        while True:
            line = self.response()
            if line.startswith(b"+") and literal is not None:
                self.send(literal)
            elif line.startswith(tag):
                return untagged, line[len(tag):-2].decode()
            else:
                untagged.append(line[:-2])

    def ok(self, command, literal=None):
        untagged, status = self.run(command, literal)
        assert status.startswith("OK"), (command, status)
        return untagged

    def status(self, command, literal=None):
        return self.run(command, literal)[1]

    def append(self, folder, text, flags=""):
        return self.status(f"APPEND {folder} {flags} {{{len(text)}}}".replace("  ", " "), text + b"\r\n")

    def search(self, keys):
        (line,) = [x for x in self.ok("SEARCH " + keys) if x.startswith(b"* SEARCH")]
        return [int(x) for x in line.split()[2:]]

    def body(self, uid):
        (line,) = [x for x in self.ok(f"UID FETCH {uid} BODY.PEEK[]") if b"FETCH" in x]
        size = int(re.search(rb"\{(\d+)\}\r\n", line).group(1))
        return line[line.index(b"}\r\n") + 3:][:size]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "account").mkdir()
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "large").write_bytes(MESSAGE + b"a line that makes it large\r\n" * 5000)
    return tmp_path


@pytest.fixture
def stand(folder):
    s = Stand(folder / "account")
    yield s
    s.stop()


def test_delivery_is_stored_once(stand, folder):
    stand.say(f"deliver {folder}/message 70")
    stand.say(f"deliver {folder}/large 2")
    assert stand.wait("delivered 72")
    client = Client(stand, "INBOX")
    assert len(client.search("ALL")) == 72
    stand.say("again")
    assert stand.wait("delivered 144")
    client.ok("NOOP")
    assert len(client.search("ALL")) == 72
    assert client.body(1) == MESSAGE
    assert client.body(72) == (folder / "large").read_bytes()
    stand.say(f"spam {folder}/message")
    stand.wait("delivered 145")
    assert client.ok("STATUS Junk (MESSAGES)") == [b"* STATUS Junk (MESSAGES 1)"]


def test_kill_loses_and_doubles_nothing(folder):
    uids = []
    for turn in range(1, 5):
        stand = Stand(folder / "account")
        client = Client(stand, "INBOX")
        stand.say(f"deliver {folder}/message {20 * turn}")  # the names of the turns before, and 20 new ones
        end = time.monotonic() + PATIENCE
        while len(client.search("ALL")) < 20 * turn and time.monotonic() < end:
            client.ok("NOOP")
        found = [int(x) for x in client.ok("UID SEARCH ALL")[0].split()[2:]]
        assert found[:len(uids)] == uids and len(found) == 20 * turn == len(set(found))
        uids = found
        client.ok(f"UID STORE {uids[-1]} +FLAGS (\\Flagged kept)")
        assert len(client.search("FLAGGED KEYWORD kept")) == turn
        stand.kill()
    stand = Stand(folder / "account")
    client = Client(stand, "INBOX")
    assert [int(x) for x in client.ok("UID SEARCH ALL")[0].split()[2:]] == uids
    stand.say(f"deliver {folder}/message 80")
    stand.wait("delivered 80")
    client.ok("NOOP")
    assert len(client.search("ALL")) == 80
    stand.stop()


def test_numbers_hold_during_fetch(stand):
    one, two = Client(stand), Client(stand)
    for _ in range(4):
        assert one.append("INBOX", MESSAGE).startswith("OK [APPENDUID ")
    one.ok("SELECT INBOX")
    two.ok("SELECT INBOX")
    two.ok("STORE 2,3 +FLAGS.SILENT (\\Deleted)")
    assert sorted(two.ok("EXPUNGE")) == [b"* 2 EXPUNGE", b"* 2 EXPUNGE"]
    untagged, status = one.run("FETCH 1:4 (UID)")
    assert status.startswith("NO [EXPUNGEISSUED]")
    assert [x for x in untagged if b"UID" in x] == [b"* 1 FETCH (UID 1)", b"* 4 FETCH (UID 4)"]
    assert not any(b"EXPUNGE" in x for x in untagged)
    assert one.search("ALL") == [1, 4]
    assert [x for x in one.ok("NOOP") if b"EXPUNGE" in x] == [b"* 2 EXPUNGE", b"* 2 EXPUNGE"]
    assert one.ok("FETCH 2 UID") == [b"* 2 FETCH (UID 4)"]
    assert one.status("FETCH 3 UID").startswith("BAD")
    two.ok("UID STORE 4 +FLAGS (\\Answered)")
    assert one.ok("NOOP") == [b"* 2 FETCH (FLAGS (\\Answered \\Recent))"]


def test_flags_of_others_and_recent(stand):
    one = Client(stand)
    one.append("INBOX", MESSAGE)
    one.ok("SELECT INBOX")
    two = Client(stand, "INBOX")
    assert one.ok("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]
    assert two.ok("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS ())"]
    assert two.ok("STORE 1 +FLAGS.SILENT (\\Seen)") == []
    assert one.ok("NOOP") == [b"* 1 FETCH (FLAGS (\\Seen \\Recent))"]
    assert two.ok("NOOP") == []
    two.ok("STORE 1 FLAGS (new)")
    told = one.ok("NOOP")
    assert told[0].startswith(b"* FLAGS (") and b"new" in told[0] and told[-1] == b"* 1 FETCH (FLAGS (\\Recent new))"
    assert two.status("STORE 1 FLAGS (\\Recent)").startswith("BAD")


def test_idle_tells_at_once(stand):
    one, two = Client(stand, "INBOX"), Client(stand)
    one.send("i IDLE\r\n")
    assert one.response().startswith(b"+ ")
    for n in range(1, 4):
        start = time.monotonic()
        two.append("INBOX", MESSAGE)
        assert one.response() == b"* %d EXISTS\r\n" % n
        assert time.monotonic() - start < 20  # what comes by itself comes after half a minute
        assert one.response() == b"* %d RECENT\r\n" % n
    one.send("DONE\r\n")
    assert one.response().startswith(b"i OK")


def test_examine_changes_nothing(stand):
    client = Client(stand)
    client.append("INBOX", MESSAGE)
    assert client.status("EXAMINE INBOX").startswith("OK [READ-ONLY]")
    assert client.status("STORE 1 +FLAGS (\\Seen)").startswith("NO")
    assert client.status("EXPUNGE").startswith("NO")
    assert client.status("MOVE 1 Trash").startswith("NO")
    client.ok("FETCH 1 BODY[]")
    assert client.search("UNSEEN") == [1] and client.search("RECENT") == [1]
    client.ok("CLOSE")
    assert client.status("FETCH 1 FLAGS").startswith("BAD")
    assert b"* 1 RECENT" in client.ok("SELECT INBOX")


def test_sections(stand):
    client = Client(stand)
    client.append("INBOX", MESSAGE)
    client.ok("SELECT INBOX")
    for section, want in (
            ("BODY.PEEK[1]", b"* 1 FETCH (BODY[1] {10}\r\nfirst part)"),
            ("BODY.PEEK[1]<2.3>", b"* 1 FETCH (BODY[1]<2> {3}\r\nrst)"),
            ("BODY.PEEK[1]<99.3>", b"* 1 FETCH (BODY[1]<99> {0}\r\n)"),
            ("BODY.PEEK[2.MIME]", b"* 1 FETCH (BODY[2.MIME] {27}\r\nContent-Type: text/html\r\n\r\n)"),
            ("BODY.PEEK[7]", b"* 1 FETCH (BODY[7] NIL)"),
            ("BODY.PEEK[HEADER.FIELDS (to)]",
             b"* 1 FETCH (BODY[HEADER.FIELDS (to)] {23}\r\nTo: kx@example.test\r\n\r\n)"),
            ("RFC822.SIZE", b"* 1 FETCH (RFC822.SIZE %d)" % len(MESSAGE)),
            ("BODY[2]", b"* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[2] {13}\r\n<p>second</p>)")):
        assert client.ok(f"FETCH 1 {section}")[0] == want, section
    full = client.ok("FETCH 1 FULL")[0]
    assert b"ENVELOPE (" in full and b'BODY (("text" "plain"' in full and b"RFC822.SIZE" in full


@pytest.mark.parametrize("keys, want", (
    ("ALL", [1, 2, 3]), ("2:*", [2, 3]), ("NOT 2", [1, 3]), ("OR 1 3", [1, 3]), ("UID 2", [2]), ("SEEN", [2]),
    ("KEYWORD Work", [3]), ("UNKEYWORD work", [1, 2]), ("LARGER 10000", [3]), ("SMALLER 10000", [1, 2]),
    ("FROM anna", [1, 2, 3]), ("FROM bert", []), ('SUBJECT "Grü"', [1, 2, 3]), ("HEADER message-id 1@", [1, 2, 3]),
    ('HEADER X-None ""', []), ('BODY "second"', [1, 2, 3]), ('TEXT "FIRST PART"', [1, 2, 3]),
    ('BODY "Message-ID"', []), ("SENTON 23-Nov-2026", [1, 2, 3]), ("SENTBEFORE 23-Nov-2026", []),
    ("ON 17-Jul-1996", [1]), ("BEFORE 1-Jan-2000", [1]), ("SINCE 1-Jan-2000", [2, 3]), ("NEW", [1, 3]), ("OLD", []),
    ("(SEEN) UNDELETED", [2]), ("CHARSET UTF-8 BODY second", [1, 2, 3])))
def test_search(searched, keys, want):
    untagged, status = searched.run(("SEARCH " + keys).encode())
    assert status.startswith("OK"), status
    assert [int(x) for x in untagged[0].split()[2:]] == want


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    stand = Stand(tmp_path_factory.mktemp("searched"))
    client = Client(stand)
    client.append("INBOX", MESSAGE, '"17-Jul-1996 02:44:25 -0700"')
    client.append("INBOX", MESSAGE, "(\\Seen)")
    client.append("INBOX", MESSAGE + b"more\r\n" * 3000, "(work)")
    client.ok("SELECT INBOX")
    yield client
    stand.stop()


def test_search_refuses(searched):
    assert searched.status("SEARCH CHARSET KOI8-R ALL").startswith("NO [BADCHARSET")
    assert searched.status("SEARCH 4").startswith("BAD")
    assert searched.status("SEARCH NONSENSE").startswith("BAD")


def test_long_answers(stand):
    """What does not fit into one line of output, and keywords that keep coming."""
    client, other = Client(stand), Client(stand)
    for _ in range(300):
        client.append("INBOX", b"a: b\r\n\r\n")
    client.ok("SELECT INBOX")
    for _ in range(5):
        client.ok("COPY 1:* INBOX")
    client.ok("SELECT INBOX")
    count = len(client.search("ALL"))
    assert count == 300 * 32
    odd = ",".join(str(n) for n in range(1, count, 2))
    untagged, status = client.run(f"COPY {odd[:60000].rpartition(',')[0]} Archive")
    assert status.startswith("OK [COPYUID ") and len(status) > 20000
    client.send("i IDLE\r\n")
    client.response()
    other.ok("SELECT INBOX")
    for n in range(100):
        other.ok(f"STORE 1 FLAGS.SILENT (word{n})")
        while client.response() != b"* 1 FETCH (FLAGS (word%d))\r\n" % n:
            pass
    client.send("DONE\r\n")
    assert client.response().startswith(b"i OK")


def test_copy_move_codes(stand):
    client = Client(stand)
    for _ in range(3):
        client.append("INBOX", MESSAGE)
    client.ok("SELECT INBOX")
    assert re.match(r"OK \[COPYUID \d+ 1:2 1:2\]", client.status("COPY 1:2 Archive"))
    assert client.status("COPY 1 nowhere").startswith("NO [TRYCREATE]")
    untagged, status = client.run("UID MOVE 2:3 Archive")
    assert status.startswith("OK") and re.match(rb"\* OK \[COPYUID \d+ 2:3 3:4\]", untagged[0])
    assert untagged[1:] == [b"* 2 EXPUNGE", b"* 2 EXPUNGE"]
    assert client.ok("STATUS Archive (MESSAGES UIDNEXT)") == [b"* STATUS Archive (MESSAGES 4 UIDNEXT 5)"]
    client.ok("STORE 1 +FLAGS (\\Deleted)")
    assert client.ok("UID EXPUNGE 2:9") == []
    assert client.ok("UID EXPUNGE 1") == [b"* 1 EXPUNGE"]


def test_folders(stand):
    client = Client(stand)
    names = lambda lines: sorted(x.split(b' "/" ')[1] for x in lines)  # noqa: E731
    client.ok("CREATE a/b/")
    assert client.status("CREATE a/b").startswith("NO [ALREADYEXISTS]")
    assert client.status("CREATE Bin (USE (\\Trash))").startswith("NO [USEATTR]")
    assert client.status("CREATE inbox").startswith("NO")
    assert names(client.ok('LIST "" a/%')) == [b"a/b"]
    assert b"\\Noselect" in client.ok('LIST "" a')[0]
    assert client.status("SELECT a").startswith("NO")
    client.ok("SUBSCRIBE a/b")
    assert names(client.ok('LSUB "" a*')) == [b"a/b"]
    assert client.ok('LSUB "" a%') == [b'* LSUB (\\Noselect) "/" a']
    client.ok("RENAME a c")
    assert names(client.ok('LIST "" c*')) == [b"c", b"c/b"]
    assert client.status("DELETE c").startswith("NO [HASCHILDREN]")
    client.ok("DELETE c/b")
    client.ok("DELETE c")
    assert client.status("DELETE INBOX").startswith("NO")
    assert client.ok('LIST "" ""') == [b'* LIST (\\Noselect) "/" ""']
    client.append("INBOX", MESSAGE)
    client.ok("SELECT INBOX")
    assert b"* 1 EXPUNGE" in client.ok("RENAME INBOX old")
    assert client.ok("STATUS old (MESSAGES)") == [b"* STATUS old (MESSAGES 1)"]
    client.ok('CREATE "&ZeVnLIqe-"')
    assert names(client.ok('LIST "" "&ZeVnLIqe-"')) == [b"&ZeVnLIqe-"]


def test_append_limits(folder):
    stand = Stand(folder / "account", "mailbox.append_max=1000000")
    client = Client(stand)
    large = MESSAGE + os.urandom(100000).hex().encode() + b"\r\n" + b"\0\xff" * 200000
    for text in (MESSAGE, b"x", b"Subject: only\r\n\r\n", large):
        uid = int(re.search(r"APPENDUID \d+ (\d+)", client.append("INBOX", text)).group(1))
        client.ok("SELECT INBOX")
        assert client.body(uid) == text
    assert client.status("APPEND INBOX {2000000}").startswith("NO [TOOBIG]")
    assert client.status("APPEND nowhere {10}").startswith("NO [TRYCREATE]")
    assert client.status("APPEND nowhere {3+}\r\nabc").startswith("NO [TRYCREATE]")
    assert client.status("NOOP").startswith("OK")
    stand.say("limits 500000")
    wait_for(lambda: client.status("APPEND INBOX {1+}\r\nx").startswith("NO [OVERQUOTA]"))
    assert client.status("APPEND INBOX {900000}").startswith("NO [OVERQUOTA]")
    stand.stop()


def test_copy_limits(folder):
    stand = Stand(folder / "account")
    client = Client(stand)
    for _ in range(3):
        client.append("INBOX", MESSAGE)
    client.ok("CREATE there")
    client.ok("SELECT INBOX")

    def is_limited():
        client.ok("CREATE probe")
        answer = client.status("COPY 1:2 probe")
        client.ok("DELETE probe")
        return answer.startswith("NO [OVERQUOTA]")

    assert not is_limited()
    stand.say(f"limits {len(MESSAGE) * 5 - 1}")
    wait_for(is_limited)
    assert client.status("COPY 1:3 nowhere").startswith("NO [TRYCREATE]")
    for command in ("COPY 1:2 there", "UID COPY 1:* there", "COPY 1:2 INBOX"):
        assert client.status(command).startswith("NO [OVERQUOTA]"), command
    assert client.ok("STATUS there (MESSAGES)") == [b"* STATUS there (MESSAGES 0)"]
    client.ok("COPY 1 there")  # fits still
    assert client.status("COPY 1 there").startswith("NO [OVERQUOTA]")
    client.ok("MOVE 2:3 there")  # adds nothing
    assert client.ok("STATUS there (MESSAGES)") == [b"* STATUS there (MESSAGES 3)"]
    stand.stop()


def test_damage_stops_this_account_only(folder):
    stand = Stand(folder / "account")
    client = Client(stand)
    for _ in range(50):
        client.append("INBOX", MESSAGE)
    stand.stop()
    with open(folder / "account/account.db", "r+b") as f:
        f.write(b"\x07" * 4096)
    stand = Stand(folder / "account")
    assert stand.wait("usage").split()[3] == "1"
    stand.say(f"deliver {folder}/message 1")
    assert stand.wait("undeliverable")
    assert any(x.startswith("log store_damaged") for x in stand.log)
    client = Client(stand)
    assert client.greeting.startswith(b"LOGIN NO [UNAVAILABLE]")
    stand.stop()


def test_sessions_end(folder):
    stand = Stand(folder / "account", "mailbox.linger=1", "mailbox.sessions_max=2")
    one, two = Client(stand, "INBOX"), Client(stand)
    assert Client(stand).greeting.startswith(b"LOGIN NO [UNAVAILABLE]")
    stand.say("leave")
    for client in (one, two):
        assert client.response().startswith(b"* BYE")
    assert stand.wait("idle 3")
    stand.say("go")
    assert stand.wait("ended") == "ended 0\n"


def test_nonsense(stand):
    client = Client(stand, "INBOX")
    for line in ("", "x", "x y", "x FETCH", "x FETCH 1", "x FETCH 0 FLAGS", "x LOGIN a b", "x UID NOOP", "x STORE 1 FLAGS",
                 "x SELECT", "x APPEND INBOX", "x NOOP now", "x FETCH 1:* (BODY[1.2.3.4.5.6.7.8.9.HEADER.FIELDS (a)]<0.0>)"):
        client.send(line + "\r\n")
        answer = client.response()
        assert answer.split(b" ")[1].startswith((b"BAD", b"NO")), (line, answer)
    assert client.status("NOOP").startswith("OK")
    client.send("x NOOP\nfoo\r\n")
    assert client.response().startswith(b"* BYE")

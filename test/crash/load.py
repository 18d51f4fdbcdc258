# SPDX-License-Identifier: Apache-2.0
"""Clients that put a server under load and remember what they were told, and when."""
import contextlib
import dataclasses
import imaplib
import random
import re
import smtplib
import threading
import time

from harness.server import PASSWORD

NEVER = float("inf")
SENDERS = 4
BROKEN = (OSError, EOFError, smtplib.SMTPException, imaplib.IMAP4.error)


@dataclasses.dataclass
class Act:
    """Something that a client asked for. Times of time.monotonic(); done: when it was told that it had been done."""
    begun: float
    done: float = NEVER
    refused: bool = False  # it was told that nothing was done

    def may_be(self, until):
        return self.begun != NEVER and self.begun <= until and not self.refused

    def is_done(self, until):
        return self.done != NEVER and self.done <= until


@dataclasses.dataclass
class Message:
    number: int
    accounts: tuple  # logins of those who are to get it
    sent: Act
    folder: str = "INBOX"
    moved: dict = dataclasses.field(default_factory=dict)  # login -> Act
    expunged: dict = dataclasses.field(default_factory=dict)
    flagged: dict = dataclasses.field(default_factory=dict)


class Memory:
    """What all clients know together."""

    def __init__(self):
        self.lock = threading.Lock()
        self.messages = {}
        self.seen = {}  # (login, folder, UIDVALIDITY, UID) -> [(number, time)]
        self.ahead = []  # (time, login, folder, UIDVALIDITY, UIDNEXT)
        self.wrong = []

    def begin(self, accounts, folder="INBOX"):
        with self.lock:
            number = len(self.messages) + 1
            m = Message(number, tuple(accounts), Act(NEVER), folder)
            self.messages[number] = m
        return m

    def see(self, login, folder, uidvalidity, uid, number):
        now = time.monotonic()
        with self.lock:
            known = self.seen.setdefault((login, folder, uidvalidity, uid), (number, now))
            if known[0] != number:
                self.wrong.append(f"{login} {folder}: UID {uid} is message {number} and was {known[0]}")

    def see_ahead(self, login, folder, uidvalidity, uidnext):
        with self.lock:
            self.ahead.append((time.monotonic(), login, folder, uidvalidity, uidnext))

    def counts(self):
        sent = [m.sent for m in self.messages.values()]
        return f"{sum(a.done != NEVER for a in sent)} answered, {sum(a.refused for a in sent)} refused, {len(sent)} begun"


def size_of(number):
    return 300_000 if number % 50 == 7 else 80_000 if number % 10 == 3 else 900


def text_of(number):
    """The message as its sender makes it; no two have the same bytes."""
    noise = random.Random(number)
    lines = [noise.randbytes(35).hex() for _ in range(size_of(number) // 72 + 1)]
    return (f"From: load@example.net\r\nTo: all@example.test\r\nSubject: n{number}.\r\n\r\n" +
            "\r\n".join(lines) + "\r\n").encode()


def number_in(data):
    found = re.search(rb"n(\d+)\.", data)
    return int(found[1]) if found else None


def send_one(client, memory, server, logins):
    m = memory.begin(logins)
    client.mail("load@example.net")
    for login in logins:
        code, _ = client.rcpt(server.accounts[login])
        if code != 250:
            m.sent.refused = True
    if m.sent.refused:
        client.rset()
        return
    m.sent.refused = True  # until the last dot is on its way
    client.putcmd("data")
    if client.getreply()[0] != 354:
        return
    m.sent = Act(time.monotonic())
    client.send(text_of(m.number) + b".\r\n")
    code, _ = client.getreply()
    if code == 250:
        m.sent.done = time.monotonic()
    elif code >= 500:  # 4xx may also mean that nobody knows: the sender is to try again
        m.sent.refused = True


def deliver(server, memory, chance, goes_on, pause):
    """Sends messages by SMTP, one connection after the other."""
    while goes_on():
        with contextlib.suppress(*BROKEN):
            client = smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=20)
            with contextlib.closing(client):
                client.ehlo()
                for _ in range(chance.randint(1, 20)):
                    if goes_on():
                        send_one(client, memory, server, chance.sample(sorted(server.accounts), chance.choice((1, 1, 2))))
                        time.sleep(chance.uniform(0, pause))
                client.quit()


class Imap(imaplib.IMAP4):
    """imaplib on a connection of the server's."""

    def __init__(self, server):
        self.server = server
        super().__init__(timeout=20)

    def _create_socket(self, timeout):
        s = self.server.connect("imaps")
        s.settimeout(timeout)
        return s

    def close_hard(self):
        with contextlib.suppress(*BROKEN):
            self.shutdown()

    def number_of(self, what):
        value = self.response(what)[1][-1]
        return int(value) if value else 0

    def look_into(self, folder):
        """Selects it: its UIDVALIDITY and UIDNEXT."""
        kind, _ = self.select(folder)
        if kind != "OK":
            raise self.error(f"SELECT {folder}")
        return self.number_of("UIDVALIDITY"), self.number_of("UIDNEXT")

    def rows(self, wanted="BODY.PEEK[HEADER.FIELDS (SUBJECT)]", uids="1:*"):
        """(UID, flags, bytes) of each message in the selected folder."""
        kind, data = self.uid("FETCH", uids, f"(FLAGS {wanted})")
        if kind != "OK":
            raise self.error("FETCH")
        for item in data:
            if isinstance(item, tuple):
                uid = int(re.search(rb"UID (\d+)", item[0])[1])
                flags = re.search(rb"FLAGS \(([^)]*)\)", item[0])[1].decode().split()
                yield uid, flags, item[1]


class Reader:
    """Uses one account by IMAP: looks, flags, moves, expunges, appends."""

    def __init__(self, server, memory, login, password, chance):
        self.server, self.memory, self.login, self.password, self.chance = server, memory, login, password, chance
        self.imap, self.folder, self.known = None, None, {}

    def connect(self):
        self.imap = Imap(self.server)
        self.imap.login(self.login, self.password)
        self.look()

    def look(self):
        self.uidvalidity, uidnext = self.imap.look_into("INBOX")
        self.memory.see_ahead(self.login, "INBOX", self.uidvalidity, uidnext)
        self.known = {}
        for uid, _, data in list(self.imap.rows()):
            number = number_in(data)
            self.memory.see(self.login, "INBOX", self.uidvalidity, uid, number)
            self.known[uid] = self.memory.messages[number]

    def do(self, acts, *command):
        """Runs a command that concerns a message; the answer is remembered in the act."""
        act = acts[self.login] = Act(time.monotonic())
        kind, _ = self.imap.uid(*command)
        if kind == "OK":
            act.done = time.monotonic()
        else:
            act.refused = True
        return kind == "OK"

    def one(self):
        return self.chance.choice(list(self.known.items()))

    def flag(self):
        uid, m = self.one()
        if self.login not in m.flagged:
            self.do(m.flagged, "STORE", str(uid), "+FLAGS.SILENT", r"(\Flagged)")

    def move(self):
        uid, m = self.one()
        del self.known[uid]
        if self.do(m.moved, "MOVE", str(uid), "Archive"):
            code = self.imap.response("COPYUID")[1][-1]
            uidvalidity, _, to = code.split()
            self.memory.see(self.login, "Archive", int(uidvalidity), int(to), m.number)

    def expunge(self):
        uid, m = self.one()
        del self.known[uid]
        act = m.expunged[self.login] = Act(time.monotonic())
        kind, _ = self.imap.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)")
        if kind == "OK" and self.imap.uid("EXPUNGE", str(uid))[0] == "OK":
            act.done = time.monotonic()

    def append(self):
        m = self.memory.begin([self.login], "Drafts")
        m.sent = Act(time.monotonic())
        kind, _ = self.imap.append("Drafts", None, None, text_of(m.number))
        if kind != "OK":
            m.sent.refused = True
            return
        m.sent.done = time.monotonic()
        uidvalidity, uid = self.imap.response("APPENDUID")[1][-1].split()
        self.memory.see(self.login, "Drafts", int(uidvalidity), int(uid), m.number)

    def act(self):
        if self.imap is None:
            self.connect()
        kinds = [self.append, self.look]
        if len(self.known) > 3:
            kinds += [self.flag, self.flag, self.move, self.expunge]
        self.chance.choice(kinds)()

    def run(self, goes_on):
        while goes_on():
            try:
                self.act()
            except BROKEN:
                if self.imap is not None:
                    self.imap.close_hard()
                self.imap = None
                time.sleep(0.05)
        if self.imap is not None:
            with contextlib.suppress(*BROKEN):
                self.imap.logout()


class Load:
    """with Load(...): clients at work until its end, or until they have begun `most` messages."""

    def __init__(self, server, memory, seed, most=10**9, pause=0.0):
        self.memory, self.most, self.over = memory, most, False
        self.failures = []
        chance = random.Random(seed)
        jobs = [lambda c=random.Random(chance.random()): deliver(server, memory, c, self.goes_on, pause) for _ in range(SENDERS)]
        jobs += [lambda login=login, c=random.Random(chance.random()): Reader(server, memory, login, PASSWORD, c).run(self.goes_on)
                 for login in sorted(server.accounts)]
        self.threads = [threading.Thread(target=self.guard, args=(job,), daemon=True) for job in jobs]

    def guard(self, job):
        try:
            job()
        except Exception as e:  # what is not a broken connection is a mistake of the server's or of ours
            self.failures.append(e)

    def goes_on(self):
        return not self.over and len(self.memory.messages) < self.most

    def wait(self, limit):
        deadline = time.monotonic() + limit
        for t in self.threads:
            t.join(max(0, deadline - time.monotonic()))
            assert not t.is_alive(), "a client does not come to its end"

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, kind, value, trace):
        self.over = True
        self.wait(60)
        if kind is None and self.failures:
            raise self.failures[0]

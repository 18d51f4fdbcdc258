# SPDX-License-Identifier: Apache-2.0
"""The same commands on the same mails, to Siegel and to Dovecot: the answers are compared as data. Where they differ
either Siegel is wrong, or the difference is a row of DIFFERENCES with the sentence of the RFC that allows it."""
import dataclasses
import os
import pathlib
import random
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness import dovecot, server  # noqa: E402
from harness.imap import Client  # noqa: E402
from harness.imap_canonical import Canonical, View  # noqa: E402
from harness.imap_commands import any_command, covering  # noqa: E402
from harness.messages import test_mails as mails_of  # noqa: E402

SEED = 20240607
RANDOM_COMMANDS = int(os.environ.get("SIEGEL_IMAP_COMMANDS", "400"))
MAILS = 200
SHOWN = 40  # differences in a failure's text
DATES = ("01-Jan-2000 00:00:00 +0000", "15-Mar-2002 23:30:00 -0500", "17-Jul-1996 02:44:25 -0700",
         " 5-Oct-2015 12:00:00 +0200")
START_FLAGS = ("", "(\\Seen)", "(\\Flagged \\Answered)", "(\\Draft blue)", "(\\Deleted)")


@dataclasses.dataclass
class Difference:
    """Ours and theirs may differ where the command and the place match."""
    command: str  # regular expressions
    place: str
    rfc: str
    sentence: str
    used: int = 0

    def allows(self, command, place):
        if re.match(self.command, command, re.I | re.S) and re.match(self.place, place):
            self.used += 1
            return True
        return False


DIFFERENCES = []


class Side:
    """One server with two sessions of one user: the one that acts, and one that watches."""

    def __init__(self, connect):
        self.clients = {"main": connect(), "watch": connect()}
        self.views = {"main": View(), "watch": View()}

    def run(self, who, text, literals):
        view = self.views[who]
        selects = re.match(r"(SELECT|EXAMINE) ", text, re.I)
        if selects:
            view.select()
        return Canonical(self.clients[who].command(text, *literals), view)

    def count(self):
        return len(self.views["main"].labels)


class Pair:
    def __init__(self, ours, theirs):
        self.ours, self.theirs, self.found, self.steps = ours, theirs, [], 0

    def run(self, text, literals=(), who="main"):
        self.steps += 1
        ours, theirs = self.ours.run(who, text, literals), self.theirs.run(who, text, literals)
        for place, mine, other in ours.differences(theirs):
            if not any(d.allows(text, place) for d in DIFFERENCES):
                self.found.append(f"{self.steps} {who}: {text} {literals or ''}\n    {place}\n"
                                  f"    ours    {mine!r:.700}\n    theirs  {other!r:.700}")
        return ours

    def count(self):
        return min(self.ours.count(), self.theirs.count())


def fill(pair):
    chance = random.Random(SEED)
    pair.run("CREATE work")
    for name, mail in mails_of(chance, MAILS):
        flags, date = chance.choice(START_FLAGS), chance.choice(DATES)
        pair.run(f'APPEND work {flags + " " if flags else ""}"{date}" {{}}', (mail,))
    pair.run("CREATE copies")
    pair.run("SELECT work")
    pair.run("SELECT work", who="watch")


def wander(pair):
    """Commands by chance; now and then the other session looks, and the mailbox is left and entered."""
    chance = random.Random(SEED + 1)
    for number in range(RANDOM_COMMANDS):
        if number % 10 == 9:
            pair.run("NOOP", who="watch")
            pair.run("FETCH 1:* (UID FLAGS)", who="watch")
        if number % 50 == 49:
            pair.run(chance.choice(("CLOSE", "UNSELECT", "NOOP")))
            pair.run(chance.choice(("EXAMINE work", "EXAMINE copies", "SELECT copies", "SELECT other")))
            for _ in range(4):
                pair.run(*any_command(chance, pair.count()))
            pair.run("SELECT work")
        pair.run(*any_command(chance, pair.count()))


def folders(pair):
    for text in ("CREATE a/b/c", "CREATE a/b", "CREATE a/d/", "CREATE INBOX", "CREATE &APw-ber", 'CREATE "with space"',
                 "SUBSCRIBE a/b", "SUBSCRIBE work", "LIST \"\" *", "LSUB \"\" *", "LSUB \"\" %", "RENAME a/b moved/b",
                 "LIST \"\" *", "DELETE a/b", "DELETE moved/b", "DELETE moved/b/c", "LIST \"\" *", "DELETE INBOX",
                 "DELETE no-such", "RENAME no-such x", "RENAME work INBOX", "RENAME work copies", "UNSUBSCRIBE a/b",
                 "UNSUBSCRIBE never", "SELECT no-such", "NOOP", "EXAMINE work", "STORE 1 +FLAGS (\\Seen)", "EXPUNGE",
                 "FETCH 1 (FLAGS)", "FETCH 1 (BODY[HEADER])", "UNSELECT", "FETCH 1 FLAGS", "CHECK", "CLOSE", "EXPUNGE", "SELECT work",
                 "CREATE empty", "SELECT empty", "FETCH 1 FLAGS", "FETCH 1:* FLAGS", "UID FETCH 1:* FLAGS", "SEARCH ALL", "SEARCH 1",
                 "UID SEARCH UID 1:*", "STORE 1:* +FLAGS (\\Seen)", "COPY 1:* copies", "UID COPY 1:* copies", "UID MOVE 7 copies", "EXPUNGE", "CLOSE",
                 "LIST (SPECIAL-USE) \"\" *", "LIST \"\" % RETURN (SPECIAL-USE)", "SELECT work"):
        pair.run(text)


def rename_inbox(pair):
    """RFC 3501 6.3.5: its mails move, and it stays."""
    pair.run("APPEND INBOX {}", (b"Subject: in the inbox\r\n\r\n",))
    pair.run("RENAME INBOX old-mail")
    pair.run("STATUS old-mail (MESSAGES UNSEEN)")
    pair.run("STATUS INBOX (MESSAGES UNSEEN)")
    pair.run('LIST "" *')


def final_look(pair):
    for name in ("work", "copies", "INBOX", "other", "old-mail"):
        pair.run(f"EXAMINE {name}")
        pair.run("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")


@pytest.fixture(scope="module")
def pair():
    with server.Server() as s, dovecot.Dovecot() as d:
        s.account("kx-anna")

        def ours():
            client = Client(s.connect("imaps"))
            client.login("kx-anna", server.PASSWORD)
            return client

        def theirs():
            client = Client.to_port(d.port)
            client.login("anna", dovecot.PASSWORD)
            return client
        yield Pair(Side(ours), Side(theirs))


@pytest.mark.parametrize("part", (fill, lambda p: [p.run(*c) for c in covering()], folders, wander, rename_inbox, final_look),
                         ids=("fill", "covering", "folders", "wander", "rename", "final"))
def test_answers(pair, part):
    pair.found.clear()
    part(pair)
    assert not pair.found, f"{len(pair.found)} differences\n" + "\n".join(pair.found[:SHOWN])


def test_table(pair):
    assert pair.steps >= 300
    idle = [d for d in DIFFERENCES if not d.used]
    assert not idle, f"these differences are gone: {idle}"

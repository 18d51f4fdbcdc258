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
from harness.imap_commands import any_command, covering, look  # noqa: E402
from harness.messages import test_mails as mails_of  # noqa: E402

SEED = 20240607
RANDOM_COMMANDS = int(os.environ.get("SIEGEL_IMAP_COMMANDS", "400"))
MAILS = 200
SHOWN = 40  # differences in a failure's text
DATES = ("01-Jan-2000 00:00:00 +0000", "15-Mar-2002 12:30:00 -0500", "17-Jul-1996 02:44:25 -0700",
         " 5-Oct-2015 12:00:00 +0200")
ELSEWHERE = ("msg_14.txt", "msg_32.txt", "msg_33.txt", "standard-008.eml")  # their differences: test/unit/proto_mime/answers.c
START_FLAGS = ("", "(\\Seen)", "(\\Flagged \\Answered)", "(\\Draft blue)", "(\\Deleted)")


@dataclasses.dataclass
class Difference:
    """Ours and theirs may differ where the command and the place match."""
    command: str  # regular expressions
    place: str
    rfc: str
    sentence: str
    check: callable = lambda ours, theirs: True
    used: int = 0

    def allows(self, command, place, ours, theirs):
        if re.match(self.command, command, re.I | re.S) and re.match(self.place, place) and self.check(ours, theirs):
            self.used += 1
            return True
        return False


def is_absent_section(ours, theirs):
    return ours is None and theirs == b""


def is_missing_blank_line(ours, theirs):
    return theirs == ours + b"\r\n"


def found_by(lines):
    return set(*(line[1] for line in lines if line[0] == "SEARCH"))


def is_more(ours, theirs):
    return found_by(ours) > found_by(theirs)


def is_less(ours, theirs):
    return found_by(ours) < found_by(theirs)


def is_only(*names):
    return lambda ours, theirs: all(line[0] in names or (line[0] == "OK" and (line[1] in names or line[1][0] in names))
                                    for line in ours + theirs)


def statuses(*wanted):
    return lambda ours, theirs: (ours, theirs) == wanted


#              command                         place                             why
DIFFERENCES = [
    Difference(r".*FETCH .*BODY.*\[", r"message \d+ BODY\[[1-9]", "RFC 3501 4.5",
               'NIL represents the non-existence of a particular data item, as distinct from the empty string ""',
               is_absent_section),
    Difference(r".*FETCH .*HEADER.FIELDS ", r"message \d+ BODY\[HEADER.FIELDS ", "RFC 3501 6.4.5",
               "the blank line is included in all header fetches, except in the case of a message which has no body and no "
               "blank line", is_missing_blank_line),
    Difference(r".*FETCH .*BODY", r"message \d+ BODY\[(\d\.){1,2}\d\]$", "RFC 3501 6.4.5",
               "Every message has at least one part number. Non-multipart messages only have a part 1; what is no multipart has no "
               "parts", lambda ours, theirs: ours is None),
    Difference(r".*FETCH .*BODY", r"message \d+ BODY\[[12]\.MIME\]", "RFC 3501 6.4.5",
               "the blank line is included in all header fetches", lambda ours, theirs: ours == theirs + b"\r\n"),
    Difference(r".*FETCH .*BODY", r"message \d+ BODY\[1\]$", "RFC 2046 5.1.1",
               "The CRLF preceding the boundary delimiter line is conceptually attached to the boundary",
               lambda ours, theirs: theirs == ours + b"\r\n" and b"very tricky" in ours),
    Difference(r"FETCH 1 BODY\[\]<5>$", "status|message 1 ", "RFC 3501 9",
               'section ["<" number "." nz-number ">"]: a partial fetch names a length'),
    Difference(r"FETCH 1 BODY\[\]<0\.0>$", "status|message 1 ", "RFC 3501 9", "nz-number: the length is not zero"),
    Difference(r"STORE 1 \+FLAGS$", "status|message 1 ", "RFC 3501 9",
               'store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))'),
    Difference(r"NOOP extra$", "status", "RFC 3501 6.1.2", "Arguments: none", statuses("BAD", "OK")),
    Difference(r"ENABLE$", "status", "RFC 5161 3.1", 'enable = "ENABLE" 1*(SP capability)', statuses("BAD", "OK")),
    Difference(r"(UID )?STORE [^ ]+ [+-]?FLAGS ", r"message \d+ (FLAGS|UID)", "RFC 3501 6.4.6",
               "Normally, STORE will return the updated value of the data with an untagged FETCH response",
               lambda ours, theirs: theirs == "absent"),
    Difference(r"(?!SELECT|EXAMINE)", "lines", "RFC 3501 5.2",
               "A client MUST be prepared to accept any response at all times",
               is_only("FLAGS", "PERMANENTFLAGS", "RECENT")),
    Difference(r"SELECT|EXAMINE", "lines", "RFC 3501 7.2.6",
               "flags (at a minimum, the system-defined flags) that are applicable for this mailbox: keywords that no message has "
               "may be missing", lambda ours, theirs: is_only("FLAGS", "PERMANENTFLAGS")(ours, theirs) and
               set(ours[0][1]) < set(theirs[0][1])),
    Difference(r"(UID )?SEARCH .*BODY ", "lines", "RFC 3501 6.4.4",
               "BODY: messages that contain the specified string in the body of the message; the headers of its parts lie in it",
               is_more),
    Difference(r"(UID )?SEARCH SENTBEFORE ", "lines", "RFC 3501 6.4.4",
               "SENTBEFORE: messages whose Date: header is earlier than the specified date; one without Date has none",
               is_less),
    Difference(r"(UID )?SEARCH ON 15-Mar-2002$", "lines", "RFC 3501 6.4.4",
               "ON: messages whose internal date (disregarding time and timezone) is within the specified date",
               lambda ours, theirs: (found_by(ours), found_by(theirs)) == ({1}, {2})),
    Difference(r'LIST .*"', "lines", "RFC 3501 6.3.3",
               "Server implementations that do not require this declaration MUST ignore the declaration",
               lambda ours, theirs: all(line[3] == b"a/d" for line in ours + theirs)),
    Difference(r'LIST "[^"]+" ""$', "lines", "RFC 3501 6.3.8",
               "The value returned as the root MAY be the empty string if the reference is non-rooted",
               lambda ours, theirs: ours == [("LIST", ("\\noselect",), b"/", b"")]),
    Difference(r"LIST .*SPECIAL-USE", "lines", "RFC 5258 4", "a server MAY provide it even if the option is not specified",
               lambda ours, theirs: [l[3] for l in ours] == [l[3] for l in theirs] or sorted(l[3] for l in ours) ==
               sorted(l[3] for l in theirs)),
    Difference(r"(STORE 1 \+FLAGS \(\\Seen\)|EXPUNGE)$", "status", "RFC 3501 6.3.2",
               "No changes to the permanent state of the mailbox, including per-user state, are permitted", statuses("NO", "OK")),
    Difference(r"(FETCH|STORE|COPY) 1:\* ", "status", "RFC 3501 9",
               'The server should respond with a tagged BAD response ... This includes "*" if the selected mailbox is empty',
               statuses("OK", "BAD")),
    Difference(r"SEARCH 1$", "status|lines", "RFC 3501 9",
               "The server should respond with a tagged BAD response to a command that uses a message sequence number greater "
               "than the number of messages in the selected mailbox"),
    Difference(r"EXAMINE INBOX$", "lines", "RFC 3501 6.3.5",
               "Renaming INBOX moves all messages in INBOX to a new mailbox with the given name, leaving INBOX empty",
               is_only("UIDNEXT 1", "UIDNEXT 2")),
    Difference(r"UID (COPY|MOVE) ", "status|lines", "RFC 3501 6.4.7",
               "If the destination mailbox does not exist, a server SHOULD return an error",
               lambda ours, theirs: (ours, theirs) == ("NO", "OK") or (ours, theirs) == ([("tagged", "TRYCREATE")], [])),
]


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
            if not any(d.allows(text, place, mine, other) for d in DIFFERENCES):
                self.found.append(f"{self.steps} {who}: {text} {literals or ''}\n    {place}\n"
                                  f"    ours    {mine!r:.700}\n    theirs  {other!r:.700}")
        return ours

    def count(self):
        return min(self.ours.count(), self.theirs.count())


def fill(pair):
    chance = random.Random(SEED)
    pair.run("CREATE work")
    for _, mail in [m for m in mails_of(chance, MAILS + len(ELSEWHERE)) if m[0] not in ELSEWHERE]:
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
                pair.run(*look(chance, pair.count()))
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


def zones(pair):
    """Days of INTERNALDATE where the day differs between its own zone and UTC."""
    pair.run("CREATE zones")
    for date in ("15-Mar-2002 23:30:00 -0500", "16-Mar-2002 00:30:00 +0500"):
        pair.run(f'APPEND zones "{date}" {{}}', (b"Subject: zones\r\n\r\n",))
    for text in ("SELECT zones", "FETCH 1:* INTERNALDATE", "SEARCH ON 15-Mar-2002", "SELECT work"):
        pair.run(text)


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


@pytest.mark.parametrize("part", (fill, lambda p: [p.run(*c) for c in covering()], folders, zones, wander, rename_inbox,
                                  final_look),
                         ids=("fill", "covering", "folders", "zones", "wander", "rename", "final"))
def test_answers(pair, part):
    pair.found.clear()
    part(pair)
    assert not pair.found, f"{len(pair.found)} differences\n" + "\n".join(pair.found[:SHOWN])


def test_table(pair):
    assert pair.steps >= 300
    idle = [d for d in DIFFERENCES if not d.used]
    assert not idle, f"these differences are gone: {idle}"

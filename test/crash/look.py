# SPDX-License-Identifier: Apache-2.0
"""Looks at what a server holds, by IMAP or in its stores, and compares it with what clients were told."""
import contextlib
import dataclasses
import json
import sqlite3
import time

from crash.load import Imap, number_in, text_of

FLAGGED = 1 << 1  # enum imap_flag
FLAG_DELAY = 1.5  # a change of flags that is older than this many seconds is durable


@dataclasses.dataclass
class Folder:
    uidvalidity: int
    uidnext: int
    rows: list  # (UID, number, is it flagged)


def wait_until_empty(server, limit=30):
    """Until nothing waits in the queue."""
    deadline = time.monotonic() + limit
    while waiting := server.command("queue", "list", "--json").stdout:
        assert time.monotonic() < deadline, f"the queue does not get empty:\n{waiting[:2000]}"
        time.sleep(0.02)


def by_imap(server, login, password):
    """Folder name -> Folder, every message compared byte by byte with what its sender made."""
    with Imap(server) as imap:
        imap.login(login, password)
        folders = {}
        for name in ("INBOX", "Archive", "Drafts"):
            uidvalidity, uidnext = imap.look_into(name)
            rows = []
            for uid, flags, data in imap.rows("BODY.PEEK[]"):
                number = number_in(data)
                assert number is None or data.endswith(text_of(number)), f"{login} {name} {uid}: other bytes than were sent"
                rows.append((uid, number, "\\Flagged" in flags))
            folders[name] = Folder(uidvalidity, uidnext, rows)
    return folders


def in_store(path):
    """The same from account.db, whose process must have ended."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        folders = {name: Folder(uidvalidity, uidnext, []) for name, uidvalidity, uidnext in
                   db.execute("SELECT name, uidvalidity, uid_next FROM folder")}
        rows = db.execute("SELECT f.name, m.uid, m.flags, p.envelope FROM message m JOIN folder f ON f.id = m.folder"
                          " JOIN parts p ON p.id = m.message ORDER BY f.id, m.uid")
        for name, uid, flags, envelope in rows:
            folders[name].rows.append((uid, number_in(envelope), bool(flags & FLAGGED)))
    return folders


@dataclasses.dataclass
class Modseqs:
    highest: int  # handed out, as far as one can see
    rows: set  # (folder, UID, modseq)


def modseqs(path):
    """Of account.db; none if it was never made."""
    if not path.exists() or path.stat().st_size == 0:
        return Modseqs(0, set())
    with contextlib.closing(sqlite3.connect(path)) as db:
        if not list(db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'message'")):
            return Modseqs(0, set())
        rows = set(db.execute("SELECT folder, uid, modseq FROM message"))
        highest, = db.execute("SELECT max(coalesce((SELECT max(modseq) FROM folder), 0),"
                              " coalesce((SELECT max(modseq) FROM message), 0),"
                              " coalesce((SELECT max(modseq) FROM expunged), 0))").fetchone()
    return Modseqs(highest, rows)


def later_modseqs(before, left, after):
    """What is wrong. before: what had been handed out; left: what was found there afterwards; after: what was made of it.
    A row that has changed must have a modseq above all that there had been."""
    return [f"folder {folder} UID {uid}: modseq {modseq} was given out again, {before.highest} was reached"
            for folder, uid, modseq in after.rows - before.rows - left.rows if modseq <= before.highest]


def mistakes(memory, contents, until=float("inf"), flags_until=None):
    """contents: login -> folder name -> Folder. What clients did and were told after `until` does not count."""
    flags_until = until if flags_until is None else flags_until
    wrong = list(memory.wrong)
    for login, folders in contents.items():
        wrong += [f"{login} {w}" for w in wrong_messages(memory, login, folders, until, flags_until)]
        wrong += [f"{login} {w}" for w in wrong_numbers(memory, login, folders, until)]
    return wrong


def wrong_messages(memory, login, folders, until, flags_until):
    places = {}
    for name, folder in folders.items():
        for uid, number, flagged in folder.rows:
            places.setdefault(number, []).append((name, uid, flagged))
    for number, m in memory.messages.items():
        there = places.pop(number, []) if login in m.accounts else []
        if login not in m.accounts:
            continue
        fewest, most = expected(m, login, until)
        if not fewest <= len(there) <= most:
            yield f"message {number}: there {len(there)} times: {there}; {m}"
        moved, flagged = m.moved.get(login), m.flagged.get(login)
        if there and moved is not None and moved.is_done(until) and there[0][0] != "Archive":
            yield f"message {number}: moved, but in {there[0][0]}"
        if there and flagged is not None and flagged.is_done(flags_until) and not there[0][2]:
            yield f"message {number}: its flag is gone"
    for number, there in places.items():
        if number is not None:
            yield f"message {number}: not meant for this account: {there}"


def expected(m, login, until):
    """How often a message may be there: fewest and most."""
    expunged = m.expunged.get(login)
    most = 1 if m.sent.may_be(until) else 0
    fewest = 1 if m.sent.is_done(until) else 0
    if expunged is not None and expunged.may_be(until):
        fewest = 0
        most = 0 if expunged.is_done(until) else most
    return fewest, most


def wrong_numbers(memory, login, folders, until):
    by_uid = {(name, uid): number for name, f in folders.items() for uid, number, _ in f.rows}
    for (who, name, uidvalidity, uid), (number, when) in list(memory.seen.items()):
        if who != login or when > until:
            continue
        folder = folders[name]
        if folder.uidvalidity != uidvalidity:
            yield f"{name}: UIDVALIDITY is {folder.uidvalidity} and was {uidvalidity}"
        elif folder.uidnext <= uid:
            yield f"{name}: UIDNEXT is {folder.uidnext}, but UID {uid} was seen"
        elif by_uid.get((name, uid), number) != number:
            yield f"{name}: UID {uid} is message {by_uid[name, uid]} and was {number}"
    for when, who, name, uidvalidity, uidnext in memory.ahead:
        if who == login and when <= until and (folders[name].uidvalidity, folders[name].uidnext) < (uidvalidity, uidnext):
            yield f"{name}: UIDNEXT is {folders[name].uidnext} and was {uidnext}"


def account_numbers(server):
    """login -> number of its folder."""
    return {row["login"]: row["account"] for row in server.objects("account", "list") if row.get("login")}


def describe(wrong):
    return json.dumps(wrong[:20], indent=1, default=str) + f"\n{len(wrong)} mistakes"

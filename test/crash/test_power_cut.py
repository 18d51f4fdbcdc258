# SPDX-License-Identifier: Apache-2.0
"""The power goes at every sync. A server under load runs below record.c, which writes down every change of its files and
every sync. For each sync in turn a disk is made that holds what was certain right after it and nothing else (and, for
some, a torn part of the rest), a server is started on it, and what it holds is compared with what clients had been told
before the next sync began: an accepted message is there exactly once, an act that was answered is done, and no number
that was shown is given out again.

The environment may say DELIVERIES=60, how many messages the load begins, and SEED=1. 500 take three to four minutes on two
cores; fewer show most mistakes in half a minute."""
import concurrent.futures
import itertools
import os
import pathlib
import queue
import random
import shutil
import smtplib
import sqlite3
import sys
import tempfile
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from crash import journal, look  # noqa: E402
from crash.load import Load, Memory  # noqa: E402
from harness.server import PASSWORD, Server, build_folder, free_offsets  # noqa: E402

DELIVERIES = int(os.environ.get("DELIVERIES", 500))
TORN_ONE_IN = 3  # cuts that are also tried with a torn part of what was not synced
READ_ONE_IN = 20  # cuts after which all is also read by IMAP, byte by byte
AT_ONCE = 3  # servers; they mostly wait for the mailboxes to sync
ACCOUNTS = ("kx-anna", "kx-bert", "kx-cora")
MEMORY = "/dev/shm"  # where the disks are made: their syncs cost nothing
SETTINGS = ["queue.retry_first=1", "mailbox.linger=2", "smtp.errors_max=1000", "login.failures_per_login=10000",
            "login.failures_per_network=10000"]
PROBE = "probe@example.net"
OFFSETS = queue.SimpleQueue()  # of ports, one for each server

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may follow confined processes")


def place():
    return pathlib.Path(tempfile.mkdtemp(prefix="siegel-cut-", dir=MEMORY if os.path.isdir(MEMORY) else None))


class Recording:
    """A load on a server, its journal, and what the clients were told."""

    def __init__(self, base, seed):
        self.base, self.memory = base, Memory()
        server = Server(settings=SETTINGS, folder=base)
        server.init()
        server.start()
        for login in ACCOUNTS:
            server.account(login)
        self.numbers = look.account_numbers(server)
        server.stop()
        self.disk = journal.Disk(server.folder)
        self.accounts = server.accounts
        self.record(server, seed)

    def record(self, server, seed):
        report, end = os.pipe()
        words = [str(build_folder() / "test" / "crash" / "record"), str(self.base / "journal"), str(server.folder), str(end)]
        server.start(wrapper=words, keep=[end])
        os.close(end)
        with Load(server, self.memory, seed, most=DELIVERIES) as load:
            load.wait(300)
        time.sleep(1.5)  # what is synced later than it was done gets there
        server.kill()
        assert os.read(report, 1) == b"", "the recorder says nothing"
        os.close(report)

    def records(self):
        return list(journal.read(self.base / "journal"))


def modseqs_of(image, number, folder):
    """The modseqs of an account in an image."""
    folder.mkdir(exist_ok=True)
    for name in ("account.db", "account.db-wal"):
        inside = f"accounts/{number}/{name}"
        (folder / name).unlink(missing_ok=True)
        if inside in image:
            (folder / name).write_bytes(image[inside][1])
    try:
        return look.modseqs(folder / "account.db")
    except sqlite3.DatabaseError:
        return look.Modseqs(0, set())  # torn while it was made


class Cut:
    """One cut: the disk as it was left, until when clients were heard, and what modseqs had been handed out."""

    def __init__(self, name, image):
        self.name, self.image, self.until, self.before = name, image, None, {}

    def look(self, image, recording):
        for login, number in recording.numbers.items():
            self.before[login] = modseqs_of(image, number, recording.base / "scratch")

    def probe(self, server):
        """A message for every account, which gets a number that nobody saw before, and comes behind all that waited."""
        with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=20) as client:
            refused = client.sendmail(PROBE, sorted(server.accounts.values()), "Subject: probe\r\n\r\nprobe\r\n")
            assert not refused, refused
        sent = server.wait_for(lambda: next((e for e in server.log("message_accepted") if e["sender"] == PROBE), None))
        server.wait_for(lambda: sum(e["message"] == sent["message"] for e in server.log("message_delivered")) == len(ACCOUNTS), 30)

    def examine(self, recording, whole):
        """Starts a server on the disk. What is wrong."""
        base = place()
        try:
            server = Server(settings=SETTINGS, folder=base)
            server.accounts = dict(recording.accounts)
            journal.lay_out(self.image, server.folder)
            left = {login: modseqs_of(self.image, number, base / "left") for login, number in recording.numbers.items()}
            return self.examine_server(server, recording, left, whole)
        finally:
            shutil.rmtree(base)

    def examine_server(self, server, recording, left, whole):
        server.offset = OFFSETS.get()
        server.settings.append(f"server.port_offset={server.offset}")
        try:
            server.start()
            self.probe(server)
            if whole:
                look.wait_until_empty(server)
            contents = {login: look.by_imap(server, login, PASSWORD) for login in ACCOUNTS} if whole else {}
            wrong = look.mistakes(recording.memory, contents, self.until, self.until - look.FLAG_DELAY)
            server.stop()
            server.check_log()
        except BaseException:
            print(server.log_text()[-5000:])
            raise
        finally:
            if server.process is not None:
                server.kill()
            OFFSETS.put(server.offset)
        stores = {login: server.folder / "accounts" / str(recording.numbers[login]) / "account.db" for login in ACCOUNTS}
        contents = {login: look.in_store(path) for login, path in stores.items()}
        wrong += look.mistakes(recording.memory, contents, self.until, self.until - look.FLAG_DELAY)
        for login, path in stores.items():
            wrong += [f"{login} {w}" for w in look.later_modseqs(self.before[login], left[login], look.modseqs(path))]
        return wrong


def cuts(recording, chance):
    """Every cut, in order: after a sync that made something safe, as late as possible."""
    disk, cut, k = recording.disk, None, 0
    for r in recording.records():
        is_end = r.kind == journal.Kind.ENDED
        if r.kind == journal.Kind.SYNCED or is_end:
            if cut is not None:
                cut.until = r.begin
                cut.look(disk.seen(), recording)
                yield cut
                if chance.random() * TORN_ONE_IN < 1:
                    torn = Cut(f"{cut.name}, torn", disk.torn(chance))
                    torn.until, torn.before = cut.until, cut.before
                    yield torn
                cut = None
        if is_end:
            return
        if disk.apply(r):
            k += 1
            cut = Cut(f"sync {k}", disk.safe())


def test_power_cut():
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed} DELIVERIES={DELIVERIES}")
    base = place()
    try:
        recording = Recording(base, seed)
        for offset in itertools.islice(free_offsets(), AT_ONCE):  # in one go: the recorded server may still be letting go of its own
            OFFSETS.put(offset)
        print(recording.memory.counts())
        wrong = []
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            room = threading.Semaphore(2 * AT_ONCE)
            done = []
            for number, cut in enumerate(cuts(recording, random.Random(seed))):
                room.acquire()
                job = pool.submit(cut.examine, recording, number % READ_ONE_IN == 0)
                job.add_done_callback(lambda _: room.release())
                done.append((cut.name, job))
            for name, job in done:
                wrong += [f"{name}: {w}" for w in job.result()]
        print(f"{len(done)} cuts")
        assert not wrong, look.describe(wrong)
    finally:
        if "SIEGEL_KEEP" not in os.environ:
            shutil.rmtree(base, ignore_errors=True)

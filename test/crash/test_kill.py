# SPDX-License-Identifier: Apache-2.0
"""kill -9 of any process at any moment, and of all at once, while clients send, append, flag, move and expunge. What a
client was told stays true: every message that was accepted is in its mailbox exactly once, what was not answered is there
at most once, numbers are not used again, and the server goes on."""
import collections
import contextlib
import os
import pathlib
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from crash import look  # noqa: E402
from crash.load import Load, Memory  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402

KILLS = 200
ALL_AT_ONCE = 10  # of them, everybody at the same time
READY_WITHIN = 10  # seconds
PAUSE = 0.1  # seconds at most between two messages of a client
ACCOUNTS = ("kx-anna", "kx-bert", "kx-cora", "kx-dora")
SETTINGS = ["server.restart_delay_max=0", "queue.retry_first=1", "mailbox.linger=1", "smtp.errors_max=1000",
            "login.failures_per_login=10000", "login.failures_per_network=10000"]


def process_name(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    return ""


def serves(server):
    """Whether SMTP greets and a mailbox can be selected at its far end."""
    try:
        with contextlib.closing(server.connect("smtp")) as s:
            s.settimeout(5)
            return s.recv(100).startswith(b"220")
    except OSError:
        return False


def kill_one(server, chance):
    """Returns the number of the process, or None if it was gone already."""
    victims = [pid for pid in server.pids() if process_name(pid).startswith("siegel-")]
    if not victims:
        return None
    mailboxes = [pid for pid in victims if process_name(pid) == "siegel-mailbox"]
    pid = chance.choice(mailboxes if mailboxes and chance.random() < 0.3 else victims)
    name = process_name(pid)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return pid, name


class Stores:
    """The modseqs of all accounts, whenever nobody has the files open: none may be given out twice."""

    def __init__(self, server):
        self.server, self.last, self.wrong = server, {}, []
        self.numbers = look.account_numbers(server)

    def look(self):
        for login, number in self.numbers.items():
            folder = self.server.folder / "accounts" / str(number)
            if not (folder / "account.db").exists():
                continue
            copy = self.server.base / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy)
            now = look.modseqs(copy / "account.db")
            if login in self.last:
                self.wrong += [f"{login} {w}" for w in look.later_modseqs(self.last[login], self.last[login], now)]
            self.last[login] = now


def kill_all(server, stores):
    server.kill()
    stores.look()
    server.start(timeout=READY_WITHIN)


def harass(server, chance, stores):
    """Kills one after the other. Returns number and name of each; None stands for all at once."""
    killed, done = [], 0
    moments = set(chance.sample(range(20, KILLS), ALL_AT_ONCE))
    while done < KILLS:
        time.sleep(chance.uniform(0.05, 0.5))
        if done in moments:
            kill_all(server, stores)
            killed.append(None)
            done += 1
        elif (victim := kill_one(server, chance)) is not None:
            killed.append(victim)
            done += 1
        begin = time.monotonic()
        while not serves(server):
            assert time.monotonic() < begin + READY_WITHIN, f"no service {READY_WITHIN} s after a kill: {killed[-3:]}"
            time.sleep(0.02)
    return killed


def to_be_logged(killed):
    """Those of whose death the log must tell: an entry may go down with the logger that is killed next."""
    for victim, following in zip(killed, [*killed[1:], (0, "")]):
        if victim is not None and following is not None and following[1] != "siegel-logger":
            yield victim


def test_kill():
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    chance, memory = random.Random(seed), Memory()
    with Server(settings=SETTINGS, expected_events=["process_died", "channel_broken"]) as server:
        for login in ACCOUNTS:
            server.account(login)
        stores = Stores(server)
        with Load(server, memory, seed, pause=PAUSE):
            killed = harass(server, chance, stores)
        server.wait_for(lambda: serves(server))
        print(memory.counts(), collections.Counter(victim[1] if victim else "all" for victim in killed))
        look.wait_until_empty(server)
        contents = {login: look.by_imap(server, login, PASSWORD) for login in ACCOUNTS}
        wrong = look.mistakes(memory, contents)
        assert not wrong, look.describe(wrong)
        server.stop()
        stores.look()
        assert not stores.wrong, look.describe(stores.wrong)
        deaths = server.log("process_died")
        others = [entry for entry in deaths if "signal 9" not in entry["reason"]]
        assert not others, f"something died by itself: {others}"
        died = {entry["process"] for entry in deaths}
        missing = [victim for victim in to_be_logged(killed) if victim[0] not in died]
        assert not missing, f"not in the log: {missing}"
        assert sum(m.sent.done < float("inf") for m in memory.messages.values()) > 200, memory.counts()

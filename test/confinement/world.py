# SPDX-License-Identifier: Apache-2.0
"""A server whose processes are attacked, what there is to attack, and which of its processes are ready for it."""
import contextlib
import imaplib
import os
import pathlib
import re
import socket
import subprocess
import time

from harness.server import Server

ORDINARY = 65534
EXPECTED = {"process_died", "channel_broken", "envelope_forged", "login_forged", "result_forged", "alarm"}
WAITING = {"232", "281"}  # epoll_wait, epoll_pwait
SLEEPING = {"35", "230"}  # nanosleep, clock_nanosleep
SETTINGS = ["server.restart_delay_max=0", "login.failures_per_login=1000", "login.failures_per_network=10000"]


def words_of(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")


def call_of(pid):
    """The number of the system call that its main thread waits in."""
    return pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0]


def is_ready(pid):
    """Confined, and its main thread waits for work."""
    with contextlib.suppress(OSError):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return re.search(r"^Seccomp:\t2$", status, re.M) is not None and call_of(pid) in WAITING
    return False


def user_of(pid):
    return os.stat(f"/proc/{pid}").st_uid


def start_helper(user):
    """An unconfined process of that user, to be attacked, or to attack with."""
    helper = subprocess.Popen(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "sleep", "1000"])
    deadline = time.monotonic() + 60
    while pathlib.Path(f"/proc/{helper.pid}/comm").read_text() != "sleep\n" or call_of(helper.pid) not in SLEEPING:
        assert time.monotonic() < deadline, "the helper did not start"
        time.sleep(0.002)
    return helper


class World:
    def __init__(self, user=None, landlock=99, settings=SETTINGS):
        self.server = Server(settings=[*settings, f"confinement.landlock_abi_max={landlock}"], user=user,
                             expected_events=EXPECTED)
        self.helpers, self.sessions = {}, []

    def __enter__(self):
        self.server.__enter__()
        self.listen()
        for login in ("kx-anna", "kx-bert"):
            self.server.account(login)
        self.directory = next(self.server.folder.rglob("directory.db"))
        self.expected = None
        self.expected = sorted(row[:2] for row in self.wait_ready() if row[0] != "siegel-mailbox")
        return self

    def __exit__(self, kind, value, trace):
        self.end_helpers()
        self.close()
        if kind is None:
            self.wait_ready()
        self.server.__exit__(kind, value, trace)

    # ---- what there is to reach --------------------------------------------------------------------------------------
    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.abstract = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.abstract_name = f"siegel-test-{os.getpid()}-{time.monotonic_ns()}"
        self.abstract.bind("\0" + self.abstract_name)

    def close(self):
        self.listener.close()
        self.abstract.close()

    def end_helpers(self):
        for helper in self.helpers.values():
            helper.kill()
            helper.wait()

    def helper(self, user):
        """The process of that user which is attacked; a new one if it was ended."""
        if user not in self.helpers or self.helpers[user].poll() is not None:
            self.helpers[user] = start_helper(user)
        return self.helpers[user].pid

    # ---- the server's processes --------------------------------------------------------------------------------------
    def processes(self):
        """(role, instance, number of the process), of those that are ready."""
        found = []
        for pid in self.server.pids():
            with contextlib.suppress(OSError):
                words = words_of(pid)
                if len(words) > 1 and is_ready(pid):
                    found.append((words[0], words[1], pid))
        return found

    def wait_ready(self, mailboxes=0, timeout=90):
        """Until all processes that there were at the start wait for work again, and so many of accounts; all of them, those
        of accounts first, since they end with the mailroom."""
        deadline = time.monotonic() + timeout
        while True:
            before = sorted(self.processes())
            time.sleep(0.03)
            after = sorted(self.processes())
            kinds = sorted(row[:2] for row in after if row[0] != "siegel-mailbox")
            if after == before and kinds and self.expected in (None, kinds) and len(after) - len(kinds) >= mailboxes:
                return sorted(after, key=lambda row: row[0] != "siegel-mailbox")
            assert time.monotonic() < deadline, f"not ready again: {after}, wanted {self.expected}"

    def open_mailboxes(self):
        """Lets the process of each account run, by logging in; then as wait_ready()."""
        for session in self.sessions:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                session.shutdown()
        self.sessions = []
        for login in self.server.accounts:
            session = imaplib.IMAP4_SSL("127.0.0.1", self.server.port("imaps"), ssl_context=self.tls())
            session.login(login, "correct horse battery staple")
            self.sessions.append(session)
        return self.wait_ready(len(self.server.accounts))

    def tls(self):
        context = self.server.tls_context()
        context.check_hostname = False
        return context

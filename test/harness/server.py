# SPDX-License-Identifier: Apache-2.0
"""A Siegel of the tests' own: made, started, looked into and ended, all in a folder that goes away again."""
import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PORTS = {"smtp": 25, "submission": 587, "submissions": 465, "lmtp": 24, "imap": 143, "imaps": 993}
PASSWORD = "correct horse battery staple"
REPORT = re.compile(r"Sanitizer:|runtime error:")


@contextlib.contextmanager
def folder_for_all():
    """A folder that every user can enter. Those of pytest cannot be: each new run of it shuts the one around them."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="siegel-all-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_folder():
    return pathlib.Path(os.environ.get("SIEGEL_BUILD", ROOT / "b"))


def free_offsets():
    """Port offsets at which all our ports are free, each once. Tests may run side by side, so it begins at a place of its own."""
    start = 20000 + os.getpid() % 350 * 100
    for offset in list(range(start, 60000, 1000)) + list(range(20000, start, 1000)):
        with contextlib.ExitStack() as sockets:
            try:
                for port in PORTS.values():
                    s = sockets.enter_context(socket.socket())
                    s.bind(("127.0.0.1", port + offset))
            except OSError:
                continue
        yield offset


def check_reports(text):
    """What a build with sanitizers has found stands in what it writes to stderr; of undefined behaviour and of races
    nothing else tells."""
    assert not REPORT.search(text), text


class Server:
    """with Server() as s: ... The log is checked at the end: what is not expected there fails the test."""

    NOT_EXPECTED = ("process_died", "channel_broken", "store_failed", "store_damaged", "login_forged", "envelope_forged",
                    "result_forged")

    def __init__(self, domain="example.test", settings=(), user=None, expected_events=(), folder=None):
        self.domain, self.hostname = domain, f"mail.{domain}"
        self.settings, self.user, self.expected = list(settings), user, set(expected_events)
        if not any(setting.startswith("resolver.stub=") for setting in self.settings):
            self.settings.append("resolver.stub=.=127.0.0.1@1")  # no test asks the world
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="siegel-test-")) if folder is None else pathlib.Path(folder)
        self.folder = self.base / "siegel"
        self.offset = next(free_offsets())
        self.process = None
        self.accounts = {}

    # ---- commands ----------------------------------------------------------------------------------------------------
    @property
    def conf(self):
        return self.folder / "siegel.yaml"

    def command(self, *words, input=None, check=True, timeout=60):
        """Runs `siegel WORDS`. Returns the finished process, its output as text."""
        command = [str(build_folder() / "siegel"), *words]
        if words[0] != "init":
            command[1 + len(words):] = ["-c", str(self.conf)]
        done = subprocess.run(self.as_user(command), input=input, capture_output=True, text=True, timeout=timeout)
        check_reports(done.stderr)
        if check and done.returncode != 0:
            raise AssertionError(f"siegel {' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def as_user(self, command):
        if self.user is None:
            return command
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *command]

    def objects(self, *words):
        """The lines of `siegel WORDS --json`."""
        return [json.loads(line) for line in self.command(*words, "--json").stdout.splitlines()]

    def init(self):
        if self.user is not None:
            os.chown(self.base, self.user, self.user)
        self.command("init", "--dir", str(self.folder), "--hostname", self.hostname, "--domain", self.domain,
                     "--port-offset", str(self.offset), "--listen", "127.0.0.1")

    def account(self, login, address=None, password=PASSWORD):
        address = address or f"{login.split('-', 1)[-1]}@{self.domain}"
        self.command("account", "add", login, "--address", address, "--password-stdin", input=password + "\n")
        self.accounts[login] = address
        return address

    # ---- life --------------------------------------------------------------------------------------------------------
    def start(self, timeout=90, wrapper=(), keep=()):
        """wrapper: words in front of the command, such as those of a tracer; keep: descriptors that it inherits."""
        command = [*wrapper, str(build_folder() / "siegel"), "serve", "-c", str(self.conf)]
        for setting in self.settings:
            command += ["--set", setting]
        with open(self.base / "stderr", "a") as errors:
            self.process = subprocess.Popen(self.as_user(command), stdout=subprocess.PIPE, stderr=errors, pass_fds=keep,
                                            start_new_session=True)
        out = self.process.stdout.fileno()
        deadline = time.monotonic() + timeout
        said = b""
        while b"\n" not in said:
            if select.select([out], [], [], max(0, deadline - time.monotonic()))[0] and (more := os.read(out, 100)):
                said += more
                continue
            raise AssertionError(f"serve did not get ready: {said!r}\n{(self.base / 'stderr').read_text()}\n{self.log_text()[-4000:]}")
        assert said == b"ready\n", said

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            status = "killed: it did not end within 60 s"
        self.process = None
        assert status == 0, f"serve ended with {status}\n{(self.base / 'stderr').read_text()}"

    def kill(self):
        """What a power button does to processes: all of them, at once."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.process = None

    def pids(self):
        """The numbers of our processes, children of the supervisor."""
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []

    def roles(self):
        """Role name (as the process calls itself) -> process numbers."""
        roles = {}
        for pid in self.pids():
            with contextlib.suppress(OSError):
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                roles.setdefault(words[0].decode().split("/")[-1], []).append(pid)
        return roles

    def processor_seconds(self, *roles):
        """What the processes of these roles have used of the processors since they began."""
        seconds = 0
        for role in roles:
            for pid in self.roles().get(f"siegel-{role}", []):
                words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                seconds += (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        return seconds

    def __enter__(self):
        try:
            self.init()
            self.start()
        except BaseException:
            self.clean()
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            if self.process is not None:
                self.stop()
            if kind is None:
                self.check_log()
            else:
                print((self.base / "stderr").read_text()[-2000:], self.log_text()[-6000:])
        finally:
            self.clean()

    def clean(self):
        if self.process is not None:
            self.kill()
        if "SIEGEL_KEEP" in os.environ:
            print(f"kept: {self.base}")
        else:
            shutil.rmtree(self.base, ignore_errors=True)

    # ---- log ---------------------------------------------------------------------------------------------------------
    def log_text(self):
        path = self.folder / "log" / "siegel.log"
        return path.read_text() if path.exists() else ""

    def log(self, event=None):
        """The entries, or those of an event. The logger hears of it a moment after the client does, so nothing is looked for twice."""
        found = self.entries(event)
        if event is not None and not found:
            time.sleep(0.2)
            found = self.entries(event)
        return found

    def logged(self, event, count=1):
        """The entries of an event that is known to come, as soon as there are so many."""
        return self.wait_for(lambda: len(found := self.entries(event)) >= count and found)

    def entries(self, event):
        text = self.log_text()
        entries = [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]  # the last may be on its way
        return [e for e in entries if event is None or e["event"] == event]

    def check_log(self):
        check_reports((self.base / "stderr").read_text(errors="replace"))
        bad = [e for e in self.log() if e["event"] in self.NOT_EXPECTED and e["event"] not in self.expected]
        assert not bad, "\n".join(map(str, bad))

    def wait_for(self, what, timeout=60):
        """Until what() is true; returns what it said."""
        deadline = time.monotonic() + timeout
        while not (result := what()):
            assert time.monotonic() < deadline, f"waited {timeout} s in vain"
            time.sleep(0.02)
        return result

    # ---- clients -----------------------------------------------------------------------------------------------------
    def port(self, service):
        return PORTS[service] + self.offset

    def tls_context(self):
        return ssl.create_default_context(cafile=str(self.folder / "keys" / "tls.crt"))

    def connect(self, service, tls=None, source="127.0.0.1"):
        s = socket.create_connection(("127.0.0.1", self.port(service)), timeout=60, source_address=(source, 0))
        if service.endswith("s") if tls is None else tls:
            s = self.tls_context().wrap_socket(s, server_hostname=self.hostname)
        return s

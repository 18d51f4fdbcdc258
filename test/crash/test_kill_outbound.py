# SPDX-License-Identifier: Apache-2.0
"""kill -9 of sender, of queue, and of both at once, while 2,000 messages leave for another server: it gets every one that was
answered with 250, and a second copy only where its final reply to the first was lost."""
import collections
import os
import pathlib
import random
import re
import signal
import socketserver
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from crash.test_kill import process_name  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

MESSAGES = 2000
CLIENTS = 4
KILLS = 18
VICTIMS = (("siegel-sender",), ("siegel-queue",), ("siegel-sender", "siegel-queue"))  # in turn
PATIENCE = 120  # seconds until all has arrived
SETTINGS = ["server.restart_delay_max=0", "queue.retry_first=1s", "queue.retry_max=2s", "smtp.errors_max=1000",
            "accounts.sent_per_hour=0", "accounts.sent_per_day=0", "accounts.strangers_per_hour=0", "accounts.strangers_per_day=0"]


class Copy:
    """One message as it came, and whether the client was seen to have read the final reply."""

    def __init__(self, number):
        self.number, self.answered = number, False


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        self.copies, self.lock = [], threading.Lock()
        super().__init__(("127.0.0.1", 0), Session)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def numbers(self):
        with self.lock:
            return collections.Counter(copy.number for copy in self.copies)


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        last = None
        try:
            self.say("220 sink.test ESMTP")
            while line := self.rfile.readline():
                if last is not None:
                    last.answered = True  # who says more has read the reply
                    last = None
                verb = line.strip().upper()
                if verb.startswith(b"EHLO"):
                    self.say("250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME")
                elif verb == b"DATA":
                    last = self.take()
                elif verb == b"QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")
        except OSError:
            pass

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def take(self):
        self.say("354 go on")
        text = b""
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise ConnectionResetError
            text += line
        copy = Copy(int(re.search(rb"\r\nSubject: number (\d+)\r\n", text)[1]))
        with self.server.lock:
            self.server.copies.append(copy)
        self.say("250 taken")
        return copy


class Clients:
    """Submit until so many were answered with 250. A message that was not is not sent again: it may be there all the same."""

    def __init__(self, server):
        self.server, self.lock = server, threading.Lock()
        self.last, self.accepted = 0, set()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def number(self):
        with self.lock:
            self.last += 1
            return self.last

    def is_done(self):
        return len(self.accepted) >= MESSAGES

    def run(self):
        while not self.is_done():
            try:
                self.submit()
            except (OSError, EOFError, AssertionError, IndexError, ValueError):
                time.sleep(0.1)

    def submit(self):
        client = Smtp.to(self.server, "submissions")
        assert client.login("kx-anna", PASSWORD).code == 235
        while not self.is_done():
            number = self.number()
            text = (f"From: anna@example.test\r\nTo: you@remote.test\r\nSubject: number {number}\r\n"
                    "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nhello\r\n")
            assert client.envelope("anna@example.test", f"u{number % 50}@remote{number % 5}.test").code == 250
            assert client.data(text.encode()).code == 250
            self.accepted.add(number)
        client.close()


def kill_some(server, clients, sink):
    chance = random.Random(1)
    killed = collections.Counter()
    for kill in range(KILLS):
        aim = len(clients.accepted) + MESSAGES // (KILLS + 2)
        end = time.monotonic() + 20
        while len(clients.accepted) < min(aim, MESSAGES) and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.2)
        for pid in [pid for pid in server.pids() if process_name(pid) in VICTIMS[kill % len(VICTIMS)]]:
            os.kill(pid, signal.SIGKILL)
            killed[" and ".join(VICTIMS[kill % len(VICTIMS)])] += 1
    return killed


def is_empty(server):
    listed = server.command("queue", "list", "--json", check=False)  # refused while the queue starts again
    return listed.returncode == 0 and listed.stdout == ""


def test_kill_outbound():
    sink = Sink()
    table = " ".join(f"remote{n}.test/host=127.0.0.1 remote{n}.test/port={sink.port} remote{n}.test/tls=none" for n in range(5))
    with Server(settings=SETTINGS + [f"routes.table={table}"], expected_events=("process_died", "channel_broken", "alarm")) as server:
        server.account("kx-anna")
        clients = Clients(server)
        killed = kill_some(server, clients, sink)
        for thread in clients.threads:
            thread.join(PATIENCE)
        assert clients.is_done()
        end = time.monotonic() + PATIENCE
        while not clients.accepted <= set(sink.numbers()) and time.monotonic() < end:
            time.sleep(0.1)
        numbers = sink.numbers()
        lost = clients.accepted - set(numbers)
        assert not lost, f"{len(lost)} accepted messages did not arrive: {sorted(lost)[:10]}"
        server.wait_for(lambda: is_empty(server), timeout=PATIENCE)
        numbers = sink.numbers()
        twice = [number for number, count in numbers.items() if count > 1]
        for number in twice:
            answered = [copy for copy in sink.copies if copy.number == number and copy.answered]
            assert len(answered) <= 1, f"message {number} came again although its final reply had been read"
        print(f"{len(clients.accepted)} accepted, {len(numbers)} arrived, {len(twice)} twice; killed {dict(killed)}")

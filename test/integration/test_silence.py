# SPDX-License-Identifier: Apache-2.0
"""Very many destinations accept a connection and stay silent. Mail for one that answers, and was never heard of before, is
not held up by them, and what remembers them all stays small. 2,000 by default; SILENT_MANY=10000 is what `make test-long`
does, where the delay is held to the second that it may be. Nor does mail for very many hold up what one writes to another."""
import os
import pathlib
import re
import select
import socket
import socketserver
import threading
import time

from harness.dns import INSECURE, Dns, Zone
from harness.server import PASSWORD, Server
from harness.smtp import Smtp

MANY = int(os.environ.get("SILENT_MANY", "2000"))
CONNECTIONS = 1000  # the sender's, by default
TOGETHER = 20       # recipients of one message; with more it would be bulk
SESSIONS = 200      # those of them that may have been greeted
BULK = 1500         # in messages with as many recipients as one may have
EACH = 100
PATIENCE = 60       # seconds; the greeting of a silent one is waited for far longer
EXTRA = 1.0         # seconds
MEMORY_MAX_MIB = 200
SILENT = [f"127.0.0.{last}" for last in (71, 72, 73, 74)]
ANSWERING = "127.0.0.75"
ZONES = {
    "silent.test": Zone("* MX 10 mx\n" + "\n".join(f"mx A {address}" for address in SILENT), INSECURE),
    "answers.test": Zone(f"* MX 10 mx\nmx A {ANSWERING}", INSECURE),
}
SETTINGS = ["sender.allow_private_destinations=yes", "accounts.sent_per_hour=0", "accounts.sent_per_day=0",
            "accounts.strangers_per_hour=0", "accounts.strangers_per_day=0", "queue.retry_first=2s"]
MESSAGE = b"From: anna@example.test\r\nSubject: out\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nhello\r\n"


class Sink(socketserver.ThreadingTCPServer):
    """A server that takes mail, and knows when it came and for whom; but bulk not before its release."""
    allow_reuse_address = daemon_threads = True
    request_queue_size = 2048

    def __init__(self):
        self.came, self.held, self.release = {}, set(), threading.Event()
        super().__init__((ANSWERING, 0), Session)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        recipients = []
        self.wfile.write(b"220 sink.test ESMTP\r\n")
        while line := self.rfile.readline():
            verb = line.upper()
            if verb.startswith(b"RCPT"):
                recipients.append(re.search(rb"<(.*)>", line)[1].decode())
            if verb.startswith(b"DATA"):
                if any("bulk" in recipient for recipient in recipients):
                    self.server.held.add(recipients[0])
                    self.server.release.wait(PATIENCE * 2)
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                for recipient in recipients:
                    self.server.came[recipient] = time.monotonic()
                recipients = []
            self.wfile.write(b"250 ok\r\n")
            if verb.startswith(b"QUIT"):
                return


class Silence(threading.Thread):
    """Listens on several addresses, takes every connection, says nothing."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.open, self.taken, self.poll = {}, 0, select.epoll()
        self.listening = {}
        for address in SILENT:
            listener = socket.create_server((address, port), backlog=4096)
            listener.setblocking(False)
            self.listening[listener.fileno()] = listener
            self.poll.register(listener, select.EPOLLIN)
        self.start()

    def run(self):
        while True:
            for number, _ in self.poll.poll():
                if number in self.listening:
                    self.take(self.listening[number])
                else:
                    self.open.pop(number).close()

    def take(self, listener):
        try:
            caller = listener.accept()[0]
        except BlockingIOError:
            return
        self.open[caller.fileno()] = caller
        self.taken += 1
        self.poll.register(caller, select.EPOLLIN | select.EPOLLRDHUP)


def submit(client, *recipients):
    reply = client.envelope("anna@example.test", *recipients)
    assert reply.code == 250, reply
    reply = client.data(MESSAGE)
    assert reply.code == 250, reply


def delay(server, client, sink, recipient):
    """Seconds from our 250 to the end of the message at the other server."""
    submit(client, recipient)
    since = time.monotonic()
    server.wait_for(lambda: recipient in sink.came, timeout=PATIENCE)
    return max(0.0, sink.came[recipient] - since)


def memory_mib(server, role):
    [pid] = server.roles()[f"siegel-{role}"]
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def shown(delays):
    return ", ".join(f"{seconds * 1000:.0f}" for seconds in delays)


def test_silent_destinations():
    sink = Sink()
    silence = Silence(sink.port)
    with Dns(ZONES) as dns, Server(settings=[*SETTINGS, *dns.settings(), f"sender.smtp_port={sink.port}"]) as server:
        server.account("kx-anna")
        client = Smtp.to(server, "submissions")
        assert client.login("kx-anna", PASSWORD).code == 235
        before = [delay(server, client, sink, f"you@before{number}.answers.test") for number in range(5)]
        for first in range(0, MANY, TOGETHER):
            submit(client, *(f"you@d{number}.silent.test" for number in range(first, first + TOGETHER)))
        # They have as much as they ever get: half of all connections, or nearly, for places are given back in lots.
        server.wait_for(lambda: len(silence.open) >= 0.4 * CONNECTIONS, timeout=2 * PATIENCE)
        amid = [delay(server, client, sink, f"you@amid{number}.answers.test") for number in range(10)]
        held = len(silence.open)
        sizes = {role: memory_mib(server, role) for role in ("queue", "sender")}
        client.close()
    print(f"{MANY} silent destinations, {held} connections to them open, {silence.taken} made. Until a message was there, ms: "
          f"before: {shown(before)}; amid: {shown(amid)}. MiB: {sizes}")
    assert held <= CONNECTIONS / 2, "those without a success hold more than half of all connections"
    assert all(size < MEMORY_MAX_MIB for size in sizes.values()), sizes
    if "SILENT_MANY" in os.environ:
        assert max(amid) <= max(before) + EXTRA, "those that are silent hold up the others"


def test_bulk():
    sink = Sink()
    settings = [*SETTINGS, "sender.linger=300", f"sender.smtp_port={sink.port}"]
    with Dns(ZONES) as dns, Server(settings=[*settings, *dns.settings()]) as server:
        server.account("kx-anna")
        client = Smtp.to(server, "submissions")
        assert client.login("kx-anna", PASSWORD).code == 235
        for first in range(0, BULK, EACH):
            submit(client, *(f"you@bulk{number}.answers.test" for number in range(first, first + EACH)))
        server.wait_for(lambda: len(sink.held) >= SESSIONS / 2, timeout=2 * PATIENCE)
        single = [delay(server, client, sink, f"you@single{number}.answers.test") for number in range(5)]
        held = len(sink.held)
        sink.release.set()
        server.wait_for(lambda: len(sink.came) == BULK + len(single), timeout=2 * PATIENCE)
        client.close()
    print(f"{held} messages of a bulk of {BULK} under way, none of them taken. Until a single message was there, ms: {shown(single)}")
    assert held <= SESSIONS * 3 / 4, "mail for many holds more than three quarters of the sessions"

# SPDX-License-Identifier: Apache-2.0
"""A mail server in a thread that takes everything, or refuses what a test says, and keeps what came: also the trap into which
nothing must fall.

    with Sink() as sink:    # at sink.address and sink.port
        sink.busy = True    # says 451 to every recipient
        sink.asked          # every recipient that was named
        sink.copies         # the messages that it took
        sink.taken          # their recipients
"""
import dataclasses
import re
import socketserver
import threading

PATH = re.compile(rb"<([^>]*)>")


@dataclasses.dataclass
class Copy:
    """One message as it came."""
    sender: str
    recipients: list
    body: bytes


class Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        try:
            self.say("220 sink.test ESMTP")
            self.sender, self.recipients = None, []
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"QUIT":
                    self.say("221 bye")
                    return
                self.command(verb, line)
        except OSError:
            pass  # the client hung up

    def command(self, verb, line):
        if verb == b"EHLO":
            self.say("250-sink.test\r\n250 8BITMIME")
        elif verb == b"MAIL":
            self.sender, self.recipients = PATH.search(line).group(1).decode(), []
            self.say("250 good")
        elif verb == b"RCPT":
            self.recipient(PATH.search(line).group(1).decode())
        elif verb == b"DATA" and not self.recipients:
            self.say("503 5.5.1 for nobody")
        elif verb == b"DATA":
            self.say("354 go on")
            self.data()
        else:
            self.say("250 good")

    def recipient(self, address):
        self.server.asked.append(address)
        if self.server.busy:
            self.say("451 4.3.2 not now")
        elif address in self.server.refused:
            self.say("550 5.1.1 nobody here has this name")
        else:
            self.recipients.append(address)
            self.say("250 good")

    def data(self):
        lines = []
        while (line := self.rfile.readline()) and line != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        self.server.keep(Copy(self.sender, self.recipients, b"".join(lines)))
        self.say("250 taken")


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def __init__(self, refused=(), address="127.0.0.1"):
        self.lock, self.refused, self._copies = threading.Lock(), set(refused), []
        self.busy, self.asked = False, []
        super().__init__((address, 0), Session)
        self.address, self.port = self.server_address

    def keep(self, copy):
        with self.lock:
            self._copies.append(copy)

    @property
    def copies(self):
        with self.lock:
            return list(self._copies)

    @property
    def taken(self):
        return [recipient for copy in self.copies for recipient in copy.recipients]

    def of(self, *domains):
        """What was asked of it for those domains."""
        return [recipient for recipient in self.asked if recipient.lower().rpartition("@")[2] in domains]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind, value, trace):
        self.shutdown()
        self.server_close()

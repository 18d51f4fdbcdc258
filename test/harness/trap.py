# SPDX-License-Identifier: Apache-2.0
"""A mail server outside that must get nothing: it takes whatever comes, and counts it.

    with Trap() as trap:        # at trap.address and trap.port
        trap.busy = True        # says 451 to every recipient
        trap.asked, trap.taken  # recipients named, and those of messages that it took
"""
import contextlib
import socket
import threading


class Trap:
    def __init__(self, address="127.0.0.40"):
        self.address, self.busy, self.asked, self.taken = address, False, [], []

    def __enter__(self):
        self.listener = socket.create_server((self.address, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, kind, value, trace):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rwb") as stream:
            connection.settimeout(60)
            self.say(stream, "220 trap.test")
            recipients, body = [], False
            for line in iter(stream.readline, b""):
                word = line.strip().upper()
                if body:
                    body = line != b".\r\n"
                    if not body:
                        self.taken += recipients
                        self.say(stream, "250 taken")
                elif word.startswith(b"RCPT TO:<"):
                    recipients.append(line[9:].split(b">")[0].decode())
                    self.asked.append(recipients[-1])
                    self.say(stream, "451 not now" if self.busy else "250 ok")
                elif word == b"DATA":
                    body = not self.busy
                    self.say(stream, "354 go on" if body else "503 nobody")
                elif word == b"QUIT":
                    self.say(stream, "221 bye")
                    return
                else:
                    recipients = [] if word.startswith(b"MAIL") else recipients
                    self.say(stream, "250 ok")

    @staticmethod
    def say(stream, line):
        stream.write(line.encode() + b"\r\n")
        stream.flush()

    def of(self, *domains):
        """What was asked of it for those domains."""
        return [recipient for recipient in self.asked if recipient.lower().rpartition("@")[2] in domains]

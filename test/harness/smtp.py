# SPDX-License-Identifier: Apache-2.0
"""A client of SMTP that may say anything at any time, as an attacker would."""
import base64
import socket

TIMEOUT = 30


class Reply:
    def __init__(self, lines):
        self.lines, self.code, self.text = lines, int(lines[-1][:3]), " ".join(line[4:] for line in lines)

    @property
    def refused(self):
        return self.code >= 400

    def __repr__(self):
        return " | ".join(self.lines)


class Smtp:
    def __init__(self, connection, greet=True):
        self.socket, self.buffer = connection, b""
        self.socket.settimeout(TIMEOUT)
        self.greeting = self.reply() if greet else None

    @classmethod
    def to(cls, server, service="smtp", source=None, hello=True):
        """A connection to that service of the server, from an address of ours that may be named, greeted."""
        plain = socket.create_connection(("127.0.0.1", server.port(service)), timeout=TIMEOUT,
                                         source_address=(source, 0) if source else None)
        if service == "submissions":
            plain = server.tls_context().wrap_socket(plain, server_hostname=server.hostname)
        client = cls(plain)
        if hello and client.greeting.code == 220:
            client.command("LHLO attacker.test" if service == "lmtp" else "EHLO attacker.test")
        return client

    def starttls(self, server):
        assert self.command("STARTTLS").code == 220
        assert not self.buffer
        self.socket = server.tls_context().wrap_socket(self.socket, server_hostname=server.hostname)
        return self.command("EHLO attacker.test")

    def line(self):
        """None: the server hung up."""
        while b"\r\n" not in self.buffer:
            try:
                more = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                return None
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("utf-8", "surrogateescape")

    def reply(self):
        lines = []
        while not lines or lines[-1][3:4] == "-":
            line = self.line()
            if line is None:
                return None
            lines.append(line)
        return Reply(lines)

    def send(self, data):
        try:
            self.socket.sendall(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))
        except (ConnectionResetError, BrokenPipeError):
            pass  # the next reply is None

    def command(self, text):
        self.send(text.encode("utf-8", "surrogateescape") + b"\r\n")
        return self.reply()

    def login(self, login, password):
        secret = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
        return self.command(f"AUTH PLAIN {secret}")

    def envelope(self, sender, *recipients):
        """MAIL and RCPT; the last reply."""
        reply = self.command(f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            if not reply.refused:
                reply = self.command(f"RCPT TO:<{recipient}>")
        return reply

    def data(self, message):
        """DATA with a message whose lines end in CRLF and begin with no dot. The reply to it, or to DATA."""
        reply = self.command("DATA")
        if reply.code != 354:
            return reply
        self.send(message + b".\r\n")
        return self.reply()

    def everything(self, timeout=1.0):
        """All replies until the server is silent or hangs up."""
        self.socket.settimeout(timeout)
        found = []
        try:
            while (reply := self.reply()) is not None:
                found.append(reply)
        except TimeoutError:
            pass
        self.socket.settimeout(TIMEOUT)
        return found

    def is_closed(self):
        return self.reply() is None

    def close(self):
        self.socket.close()

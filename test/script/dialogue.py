# SPDX-License-Identifier: Apache-2.0
"""Dialogues: files that read like the examples of an RFC and are played against a running server.

    # a comment: which rule this shows
    connect smtp                    a connection to that service; with a name: connect two imaps
    > EHLO client.test              we say this line, with CRLF
    >> abc                          we say exactly this, without a line end; \\r \\n \\0 \\x41 are bytes
    < 250                           the reply: of SMTP one whole reply, of which the last line begins so;
                                    of IMAP the next line begins so
    <+ 250-SIZE                     the same reply of SMTP also has a line that begins so
    <! 250-AUTH                     and none that begins so
    <* * FLAGS                      of IMAP: read lines until one begins so
    << tag OK                       of IMAP: read lines until one begins so; <! lines after it look at what was passed
    starttls                        the handshake, on our side
    close                           we hang up
    closed                          the server has hung up
    pause 0.2
    two> a1 NOOP                    with the name of a connection in front: on that one
    {domain} {hostname} {plain:login} {size:N} stand for their values; {*} in an expected line for anything

In an expected line only its beginning is compared; a $ at its end asks for the whole line.
"""
import base64
import re
import socket
import time

from harness.server import PASSWORD


class Connection:
    def __init__(self, server, service):
        self.server, self.imap = server, service.startswith("imap")
        self.socket = server.connect(service)
        self.buffer, self.last, self.passed = b"", [], []

    def line(self):
        while b"\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise AssertionError(f"the server hung up, saying {self.buffer!r}")
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")

    def reply(self):
        """One reply of SMTP, all its lines."""
        self.last = [self.line()]
        while self.last[-1][3:4] == "-":
            self.last.append(self.line())
        return self.last

    def starttls(self):
        assert not self.buffer, "something came in clear behind the go-ahead"
        self.socket = self.server.tls_context().wrap_socket(self.socket, server_hostname=self.server.hostname)

    def wait_closed(self):
        try:
            rest = self.buffer + self.socket.recv(1)
        except (ConnectionResetError, BrokenPipeError):
            return
        assert rest == b"", f"the server still talks: {rest!r}"


def pattern(text):
    whole = text.endswith("$")
    parts = [re.escape(part) for part in text.removesuffix("$").split("{*}")]
    return re.compile(".*".join(parts) + ("$" if whole else ""), re.S)


def unescape(text):
    return re.sub(rb"\\(r|n|0|\\|x[0-9a-fA-F]{2})", lambda m: {b"r": b"\r", b"n": b"\n", b"0": b"\0", b"\\": b"\\"}.get(
        m[1]) or bytes([int(m[1][1:], 16)]), text.encode("utf-8", "surrogateescape"))


def fill(server, text):
    def value(match):
        name, _, argument = match[1].partition(":")
        if name == "plain":
            login, _, password = argument.partition(":")
            return base64.b64encode(f"\0{login}\0{password or PASSWORD}".encode()).decode()
        if name == "base64":
            return base64.b64encode(argument.encode()).decode()
        if name == "size":
            return "x" * int(argument)
        return {"domain": server.domain, "hostname": server.hostname, "password": PASSWORD}[name]
    return re.sub(r"\{(domain|hostname|password|(?:plain|base64|size):[^}]*)\}", value, text)


class Dialogue:
    def __init__(self, server):
        self.server, self.connections = server, {}

    def play(self, text):
        for number, raw in enumerate(text.splitlines(), 1):
            line = fill(self.server, raw)
            if not line.strip() or line.startswith("#"):
                continue
            try:
                self.step(line)
            except (AssertionError, OSError, KeyError) as error:
                raise AssertionError(f"line {number}: {raw}\n{error!r}") from None

    def end(self):
        for connection in self.connections.values():
            connection.socket.close()

    def step(self, line):
        words = line.split()
        if words[0] == "connect":
            name, service = (words[1], words[2]) if len(words) > 2 else ("", words[1])
            self.connections[name] = Connection(self.server, service)
            return
        if words[0] == "pause":
            time.sleep(float(words[1]))
            return
        match = re.match(r"(\w*?) ?(starttls|closed|close|>>|>|<\+|<!|<\*|<<|<)(?: (.*))?$", line, re.S)
        assert match, "not a line of a dialogue"
        self.act(self.connections[match[1]], match[2], match[3] or "")

    def act(self, c, verb, text):
        if verb == "starttls":
            c.starttls()
        elif verb == "close":
            c.socket.close()
        elif verb == "closed":
            c.wait_closed()
        elif verb == ">":
            c.socket.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")
        elif verb == ">>":
            c.socket.sendall(unescape(text))
        elif verb == "<":
            got = [c.line()] if c.imap else c.reply()
            c.last = got
            assert pattern(text).match(got[-1]), f"got {got}"
        elif verb == "<+":
            assert any(pattern(text).match(line) for line in c.last), f"got {c.last}"
        elif verb == "<!":
            assert not any(pattern(text).match(line) for line in c.last), f"got {c.last}"
        elif verb in ("<*", "<<"):
            c.last = [c.line()]
            while not pattern(text).match(c.last[-1]):
                assert len(c.last) < 2000, f"not among {c.last[:20]}"
                c.last.append(c.line())

# SPDX-License-Identifier: Apache-2.0
"""An IMAP client that gives back every answer as data: atoms as str, strings as bytes, NIL as None, lists as lists."""
import re
import socket

TIMEOUT = 30


class Answer:
    """What one command brought: status and text of the tagged line, and the untagged ones, parsed."""

    def __init__(self, status, code, text, untagged):
        self.status, self.code, self.text, self.untagged = status, code, text, untagged

    def of(self, name):
        """The untagged answers called so: those with a number in front, too."""
        return [u for u in self.untagged if name in u[:2]]

    def __repr__(self):
        return f"{self.status} [{self.code}] {self.text} {self.untagged}"


class Parser:
    """One answer: its bytes as they were on the wire, literals in their places."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def more(self):
        return self.at < len(self.data)

    def skip_space(self):
        while self.data[self.at:self.at + 1] == b" ":
            self.at += 1

    def value(self):
        self.skip_space()
        first = self.data[self.at:self.at + 1]
        if first == b"(":
            self.at += 1
            return self.list()
        if first == b'"':
            return self.quoted()
        if first == b"{":
            return self.literal()
        return self.atom()

    def list(self):
        found = []
        while True:
            self.skip_space()
            assert self.more(), f"a list without an end: {self.data[:200]!r}"
            if self.data[self.at:self.at + 1] == b")":
                self.at += 1
                return found
            found.append(self.value())

    def quoted(self):
        match = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"', re.S).match(self.data, self.at)
        assert match, f"no quoted string: {self.data[self.at:self.at + 80]!r}"
        self.at = match.end()
        return re.sub(rb"\\(.)", rb"\1", match[1])

    def literal(self):
        match = re.compile(rb"\{(\d+)\}\r\n").match(self.data, self.at)
        assert match, f"no literal: {self.data[self.at:self.at + 80]!r}"
        self.at = match.end() + int(match[1])
        return self.data[match.end():self.at]

    def atom(self):
        """An atom; the section of a BODY[...] belongs to it."""
        match = re.compile(rb'[^ ()\[\]"{\r\n]*(?:\[[^\]]*\](?:<\d+>)?)?').match(self.data, self.at)
        assert match and match[0], f"no atom: {self.data[self.at:self.at + 80]!r}"
        self.at = match.end()
        text = match[0].decode("utf-8", "surrogateescape")
        return None if text.upper() == "NIL" else text


def parse_text(rest):
    """resp-text: a code in brackets, or None, and words."""
    match = re.match(rb"\[([^\]]*)\] ?(.*)", rest, re.S)
    if not match:
        return None, rest.decode("utf-8", "surrogateescape")
    return match[1].decode("utf-8", "surrogateescape"), match[2].decode("utf-8", "surrogateescape")


def parse_untagged(data):
    """`* ...` without the star: [name, ...], or [number, name, ...]."""
    match = re.match(rb"(OK|NO|BAD|BYE|PREAUTH)(?: (.*))?$", data, re.S)
    if match:
        return [match[1].decode(), *parse_text(match[2] or b"")]
    parser, found = Parser(data), []
    while parser.more():
        found.append(parser.value())
        parser.skip_space()
    return [int(found[0]), *found[1:]] if isinstance(found[0], str) and found[0].isdigit() else found


class Client:
    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(TIMEOUT)
        self.buffer, self.tags = b"", 0
        self.greeting = self.response()

    @classmethod
    def to_port(cls, port):
        return cls(socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT))

    def fill(self):
        more = self.socket.recv(262144)
        if not more:
            raise ConnectionError(f"the server hung up, saying {self.buffer[-200:]!r}")
        self.buffer += more

    def take(self, size):
        while len(self.buffer) < size:
            self.fill()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        assert b"\n" not in line, f"a bare LF: {line!r}"
        return line

    def response(self):
        """One whole response, its literals in place, without the last CRLF."""
        whole = self.line()
        while match := re.search(rb"\{(\d+)\}$", whole):
            whole += b"\r\n" + self.take(int(match[1]))
            whole += self.line()
        return whole

    def send(self, data):
        self.socket.sendall(data)

    def command(self, text, *literals):
        """Sends a command; {} in it stands for the next literal, sent when the server asks for it."""
        self.tags += 1
        tag = f"t{self.tags}".encode()
        pieces = (text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")).split(b"{}")
        assert len(pieces) == len(literals) + 1
        untagged = []
        self.send(tag + b" " + pieces[0] + (b"" if literals else b"\r\n"))
        for number, literal in enumerate(literals):
            self.send(b"{%d}\r\n" % len(literal))
            answer = self.until(tag, untagged, or_go_ahead=True)
            if answer is not None:
                return answer
            self.send(literal + pieces[number + 1] + (b"\r\n" if number + 2 == len(pieces) else b""))
        return self.until(tag, untagged)

    def until(self, tag, untagged, or_go_ahead=False):
        """Reads on to the tagged answer; or to a go-ahead, for which it returns None."""
        while True:
            whole = self.response()
            if whole.startswith(b"* "):
                untagged.append(parse_untagged(whole[2:]))
            elif whole.startswith(b"+"):
                assert or_go_ahead, f"nobody asked for {whole!r}"
                return None
            else:
                assert whole.startswith(tag + b" "), f"not ours: {whole!r}"
                status, _, rest = whole[len(tag) + 1:].partition(b" ")
                return Answer(status.decode(), *parse_text(rest), untagged)

    def login(self, login, password):
        answer = self.command(f'LOGIN {login} "{password}"')
        assert answer.status == "OK", answer
        return answer

    def idle(self):
        """Enters IDLE; end_idle() ends it."""
        self.tags += 1
        self.send(b"t%d IDLE\r\n" % self.tags)
        assert self.response().startswith(b"+")

    def end_idle(self):
        self.send(b"DONE\r\n")
        return self.until(b"t%d" % self.tags, [])

    def ok(self, text, *literals):
        answer = self.command(text, *literals)
        assert answer.status == "OK", f"{text}: {answer}"
        return answer

    def close(self):
        self.socket.close()

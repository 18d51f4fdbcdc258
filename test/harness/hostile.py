# SPDX-License-Identifier: Apache-2.0
"""Mail servers that misbehave, each in a way of its own, until they are told to be good.

    with Hostile({"name": behaviour}) as servers:   # servers.host("name"), servers.port, the same for all
        servers.heal()                              # from now on each takes what comes
        servers.taken["name"]                       # the subjects of the messages that it answered with 250

A behaviour is a function of a Call: one connection, greeted by nobody yet. What it does not do, the end of the connection does.
"""
import collections
import contextlib
import re
import socket
import ssl
import threading
import time

LAST_WORDS = 20  # seconds for the client to hang up
FOREVER = 120  # seconds: longer than any patience of a client in a test
EXTENSIONS = ("PIPELINING", "8BITMIME", "SIZE 50000000")


class Gone(Exception):
    """The client has hung up."""


class Call:
    def __init__(self, servers, name, connection):
        self.servers, self.name, self.socket, self.buffer = servers, name, connection, b""
        self.recipients, self.lmtp = 0, False
        connection.settimeout(FOREVER)

    # ---- bytes -------------------------------------------------------------------------------------------------------
    def raw(self, data):
        try:
            self.socket.sendall(data)
        except OSError as e:
            raise Gone from e

    def say(self, *lines):
        self.raw("".join(line + "\r\n" for line in lines).encode())

    def drip(self, data):
        """One byte a second."""
        for at in range(len(data)):
            self.raw(data[at:at + 1])
            time.sleep(1)

    def forever(self, data):
        """Until the client has had enough."""
        while True:
            self.raw(data)

    def more(self):
        try:
            data = self.socket.recv(65536)
        except OSError as e:
            raise Gone from e
        if not data:
            raise Gone
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("utf-8", "replace")

    def silence(self):
        """Reads and says nothing until the client hangs up."""
        while True:
            self.more()

    def body(self):
        while not (self.buffer.startswith(b".\r\n") or b"\r\n.\r\n" in self.buffer):
            self.more()
        text, self.buffer = (b"", self.buffer[3:]) if self.buffer.startswith(b".\r\n") else self.buffer.split(b"\r\n.\r\n", 1)
        return text

    def starttls(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        try:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        except OSError as e:
            raise Gone from e

    # ---- a good server -----------------------------------------------------------------------------------------------
    def hello(self, *extensions):
        words = ["hostile.test", *extensions]
        self.say(*(f"250{'-' if at + 1 < len(words) else ' '}{word}" for at, word in enumerate(words)))

    def until(self, verb, *extensions, greet=True):
        """Is good until the client says the verb, which is heard and not answered. "END": the message has come."""
        if greet:
            self.say("220 hostile.test ESMTP")
        while True:
            line = self.line()
            said = line.split(" ", 1)[0].upper()
            self.lmtp = self.lmtp or said == "LHLO"
            if said == verb or (verb == "EHLO" and said == "LHLO"):
                return line
            if said in ("EHLO", "LHLO"):
                self.hello(*(extensions or EXTENSIONS))
            elif said in ("MAIL", "RSET", "NOOP"):
                self.recipients = 0
                self.say("250 2.0.0 ok")
            elif said == "RCPT":
                self.recipients += 1
                self.say("250 2.1.5 ok")
            elif said == "DATA":
                self.say("354 go on")
                text = self.body()
                if verb == "END":
                    return text
                self.take(text)
            elif said == "QUIT":
                self.say("221 2.0.0 bye")
                raise Gone
            else:
                self.say("502 5.5.1 what?")

    def take(self, text, say=True):
        """The message is here for good, whatever its client hears of it."""
        subject = re.search(rb"^Subject: (\S+)", text, re.M)
        with self.servers.lock:
            self.servers.taken[self.name].append(subject[1].decode() if subject else "")
        if say:
            self.say(*["250 2.0.0 taken"] * (self.recipients if self.lmtp else 1))

    def be_good(self, greet=True):
        self.until("never", greet=greet)

    def be_good_and_safe(self):
        """The same, with TLS for whoever wants it."""
        self.until("STARTTLS", *EXTENSIONS, "STARTTLS")
        self.say("220 2.0.0 go")
        self.starttls(self.servers.certificate)
        self.be_good(greet=False)


class Hostile:
    def __init__(self, behaviours, certificate=None):
        self.behaviours, self.certificate = dict(behaviours), certificate
        self.taken, self.calls = collections.defaultdict(list), collections.Counter()
        self.lock, self.is_good, self.listeners, self.open = threading.Lock(), False, [], set()

    def host(self, name):
        return f"127.0.{7 + list(self.behaviours).index(name) // 250}.{1 + list(self.behaviours).index(name) % 250}"

    def listen(self):
        """All at one port, each at an address of its own."""
        while True:
            with contextlib.ExitStack() as made:
                first = made.enter_context(socket.create_server((self.host(next(iter(self.behaviours))), 0)))
                self.port = first.getsockname()[1]
                try:
                    others = [made.enter_context(socket.create_server((self.host(name), self.port))) for name in list(self.behaviours)[1:]]
                except OSError:
                    continue
                made.pop_all()
                return dict(zip(self.behaviours, [first, *others]))

    def __enter__(self):
        listeners = self.listen()
        self.listeners = list(listeners.values())
        for name, listener in listeners.items():
            threading.Thread(target=self.serve, args=(name, listener), daemon=True).start()
        return self

    def __exit__(self, kind, value, trace):
        for one in [*self.listeners, *self.open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def heal(self):
        self.is_good = True

    def serve(self, name, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self.answer, args=(name, connection), daemon=True).start()

    def answer(self, name, connection):
        with self.lock:
            self.calls[name] += 1
            self.open.add(connection)
        call = Call(self, name, connection)
        with contextlib.suppress(Gone, OSError):
            if self.is_good:
                call.be_good_and_safe()
            else:
                self.behaviours[name](call)
        with contextlib.suppress(OSError):
            call.socket.shutdown(socket.SHUT_WR)
            call.socket.settimeout(LAST_WORDS)
            while call.socket.recv(65536):  # a reset would take away what was said last
                pass
        call.socket.close()
        with self.lock:
            self.open.discard(connection)

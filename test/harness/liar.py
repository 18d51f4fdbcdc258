# SPDX-License-Identifier: Apache-2.0
"""DNS servers that lie. Of Liar the first label of the name that is asked for says how; Between stands before an honest one and
lies about a few names only."""
import contextlib
import socket
import struct
import threading

QUERY = struct.Struct("!HHHHHH")


def name_end(query):
    at = 12
    while query[at]:
        at += 1 + query[at]
    return at + 5


def record(type_, data, name=b"\xc0\x0c", ttl=300):
    return name + struct.pack("!HHIH", type_, 1, ttl, len(data)) + data


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


A, CNAME, MX, TXT, AAAA, OPT, RRSIG, TLSA = 1, 5, 15, 16, 28, 41, 46, 52
FORGED = record(A, bytes([6, 6, 6, 6]), wire("mx1.insecure.test"))


def words_of(query):
    """The name that is asked for, in lower case, and the type."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace").lower())
        at += 1 + query[at]
    return ".".join(labels), int.from_bytes(query[at + 1:at + 3], "big")


def reply(query, answers=(), flags=0x8400, extra=(), question=True, count=None):
    end = name_end(query)
    head = QUERY.pack(query[0] << 8 | query[1], flags, int(question), len(answers) if count is None else count, 0, len(extra))
    return head + (query[12:end] if question else b"") + b"".join(answers) + b"".join(extra)


def plain(query):
    return reply(query, [record(A, bytes([127, 0, 0, 77]))])


LIES = {
    # label          what it answers, to UDP and TCP
    "honest":        lambda q: plain(q),
    "number":        lambda q: bytes([q[0] ^ 1]) + reply(q, [record(A, bytes(4))])[1:],
    "noquestion":    lambda q: reply(q, [record(A, bytes(4))], question=False),
    "query":         lambda q: q,
    "empty":         lambda q: b"",
    "short":         lambda q: q[:11],
    "noise":         lambda q: q[:2] + b"\x84\0" + bytes(range(256)) * 2,
    "pointer":       lambda q: reply(q, [record(A, bytes(4), b"\xc0" + bytes([name_end(q)]))]),
    "outside":       lambda q: reply(q, [record(A, bytes(4), b"\xff\xff")]),
    "mxpointer":     lambda q: reply(q, [record(MX, b"\0\x0a\xc0" + bytes([name_end(q) + 14]))]),
    "cut":           lambda q: plain(q)[:-2],
    "more":          lambda q: reply(q, [record(A, bytes(4))], count=60000),
    "length":        lambda q: reply(q, [record(A, bytes(3))]),
    "longtext":      lambda q: reply(q, [record(TXT, b"\xff" * 100)]),
    "loop":          lambda q: reply(q, [record(CNAME, b"\xc0\x0c")]),
    "elsewhere":     lambda q: reply(q, [record(A, bytes([6, 6, 6, 6]), wire("mx1.insecure.test"))]),
    "poison":        lambda q: reply(q, [record(A, bytes([127, 0, 0, 77]))], extra=[FORGED]),
    "poisonalias":   lambda q: reply(q, [record(CNAME, wire("mx1.insecure.test")), FORGED]),
    "refused":       lambda q: reply(q, flags=0x8405),
    "rcode":         lambda q: reply(q, flags=0x840f),
    "giant":         lambda q: reply(q, [record(A, struct.pack("!I", 0x7f000000 + i)) for i in range(4000)]),
    "names":         lambda q: reply(q, [record(MX, b"\0\x0a" + b"\3a\nb\0"), record(MX, b"\0\x0b" + b"\4a\"; \0")]),
    "ttl":           lambda q: reply(q, [record(A, bytes([127, 0, 0, 77]), ttl=0xffffffff)]),
}


class Liar:
    """with Liar() as liar: serves on UDP and TCP at liar.port. Where answer() has None nothing is said."""

    def __init__(self):
        self.asked = []

    def __enter__(self):
        while True:
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            with contextlib.suppress(OSError):
                self.tcp = socket.create_server(("127.0.0.1", self.port))
                break
            self.udp.close()
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()
        return self

    def __exit__(self, kind, value, trace):
        for s in (self.udp, self.tcp):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()

    def answer(self, query):
        label = query[13:13 + query[12]].decode("ascii", "replace").lower()
        self.asked.append(label)
        type_ = struct.unpack("!H", query[name_end(query) - 4:name_end(query) - 2])[0]
        if label not in LIES and not label.startswith("slow"):
            return reply(query, flags=0x8400)  # the zone itself, and what the resolver asks on its way
        if type_ not in (A, MX, TXT):
            return reply(query, flags=0x8400)
        return LIES.get(label, plain)(query)

    def serve_udp(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.udp.recvfrom(4096)
                if len(query) < 17:
                    continue
                answer = self.answer(query)
                if answer is None:
                    continue
                if len(answer) > 1232:
                    answer = reply(query, flags=0x8600)  # truncated: ask by TCP
                self.udp.sendto(answer, peer)

    def serve_tcp(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.tcp.accept()
                threading.Thread(target=self.serve_connection, args=(connection,), daemon=True).start()

    def serve_connection(self, connection):
        with contextlib.suppress(OSError), connection:
            while len(head := connection.recv(2, socket.MSG_WAITALL)) == 2:
                query = connection.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
                answer = self.answer(query)
                if answer is None:
                    return
                answer = answer[:65535]
                connection.sendall(len(answer).to_bytes(2, "big") + answer)


def signed(query, type_, data, signature, ttl=60):
    """An answer of one record and its signature (RFC 4034 3)."""
    option = b"\0" + struct.pack("!HHIH", OPT, 1232, 0x8000, 0)
    return reply(query, [record(type_, data, ttl=ttl), record(RRSIG, signature, ttl=ttl)], extra=[option])


def failure(query):
    return reply(query, flags=0x8402)


def silence(_):
    return None


class Between(Liar):
    """with Between(port, {(name, type): lie, ...}) as liar: what is no lie is what the server at that port says."""

    def __init__(self, port, lies):
        super().__init__()
        self.honest, self.lies = port, lies

    def answer(self, query):
        self.asked.append(words_of(query))
        lie = self.lies.get(words_of(query))
        return lie(query) if lie else self.pass_on(query)

    def pass_on(self, query):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.honest), timeout=20) as honest:
            honest.sendall(len(query).to_bytes(2, "big") + query)
            length = int.from_bytes(honest.recv(2, socket.MSG_WAITALL), "big")
            return honest.recv(length, socket.MSG_WAITALL)
        return None

# SPDX-License-Identifier: Apache-2.0
"""What code in the hands of an attacker would try. Each deed gets Inside (see inject.py) and a Target that says what
there is to attack, and returns what its last call returned: 0 or more means that it was done."""
import contextlib
import dataclasses
import os
import signal
import struct

AT_FDCWD = -100
O_WRONLY, O_TRUNC, O_CREAT = 1, 0o1000, 0o100
INET, LOCAL, STREAM, DATAGRAM = 2, 1, 1, 2
MSG_FASTOPEN = 0x20000000
SIGSTOP, SIGCONT = 19, 18


@dataclasses.dataclass
class Target:
    directory: str  # path of directory.db
    account: str    # path of another account's account.db
    key: str        # path of the TLS key
    victim: int     # a process of the same user
    port: int       # TCP, on 127.0.0.1, where the test listens
    local: str      # path of a local socket: of commands, or of the test's
    abstract: str   # name of the test's datagram socket in the abstract space
    listener: int   # the process' own listening TCP socket, -1: none


def open_file(path, flags=0):
    return lambda i, t: i.call("openat", AT_FDCWD, i.text(path(t)), flags, 0o600)


def address(i, t):
    return i.data(struct.pack("=H", INET) + struct.pack("!H4B8x", t.port, 127, 0, 0, 1))


def connected(i, t):
    fd = i.call("socket", INET, STREAM, 0)
    return i.call("connect", fd, address(i, t), 16)


def fast_open(i, t, fd):
    name = struct.pack("=H", INET) + struct.pack("!H4B8x", t.port, 127, 0, 0, 1)
    return i.call("sendmsg", fd, i.message(b"x", name=name), MSG_FASTOPEN)


def listening(i, t):
    fd = i.call("socket", INET, STREAM, 0)
    i.call("bind", fd, i.data(struct.pack("=H14x", INET)), 16)
    return i.call("listen", fd, 5)


def fast_open_listener(i, t):
    """A listener that is shut down is an unconnected socket, which MSG_FASTOPEN connects without connect()."""
    i.call("shutdown", t.listener, 0)
    return fast_open(i, t, t.listener)


def to_local(i, t):
    fd = i.call("socket", LOCAL, STREAM, 0)
    name = struct.pack("=H", LOCAL) + os.fsencode(t.local) + b"\0"
    return i.call("connect", fd, i.data(name), len(name))


def datagram_out(i, t):
    fd = i.call("socket", INET, DATAGRAM, 0)
    return i.call("sendto", fd, i.text("x"), 1, 0, address(i, t), 16)


def abstract_name(t):
    return struct.pack("=H", LOCAL) + b"\0" + t.abstract.encode()


def to_abstract(i, t):
    fd = i.call("socket", LOCAL, DATAGRAM, 0)
    name = abstract_name(t)
    return i.call("connect", fd, i.data(name), len(name))


def datagram_pair(i):
    ends = i.data(bytes(8))
    i.call("socketpair", LOCAL, DATAGRAM, 0, ends)
    return struct.unpack("=ii", i.peek(ends, 8))[0]


def to_abstract_by_sendto(i, t):
    name = abstract_name(t)
    return i.call("sendto", datagram_pair(i), i.text("x"), 1, 0, i.data(name), len(name))


def to_abstract_by_sendmsg(i, t):
    return i.call("sendmsg", datagram_pair(i), i.message(b"x", name=abstract_name(t)), 0)


def executed(i, t):
    return i.call("execve", i.text("/bin/true"), i.data(bytes(8)), i.data(bytes(8)))


def forked(i, t):
    child = i.call("fork")
    if child > 0:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return child


DEEDS = {
    #  name                              what is tried
    "open the directory's database":     open_file(lambda t: t.directory),
    "write the directory's database":    open_file(lambda t: t.directory, O_WRONLY),
    "open another account's file":       open_file(lambda t: t.account),
    "empty another account's file":      open_file(lambda t: t.account, O_WRONLY | O_TRUNC),
    "make a file beside it":             open_file(lambda t: t.account + "-journal", O_WRONLY | O_CREAT),
    "open the key":                      open_file(lambda t: t.key),
    "truncate another account's file":   lambda i, t: i.call("truncate", i.text(t.account), 4096),
    "chmod another account's file":      lambda i, t: i.call("chmod", i.text(t.account), 0o666),
    "rename another account's file":     lambda i, t: i.call("rename", i.text(t.account), i.text(t.account + "-renamed")),
    "remove another account's file":     lambda i, t: i.call("unlink", i.text(t.account)),
    "touch another account's file":      lambda i, t: i.call("utimensat", AT_FDCWD, i.text(t.account), 0, 0),
    "connect out":                       connected,
    "connect out by sending":            lambda i, t: fast_open(i, t, i.call("socket", INET, STREAM, 0)),
    "connect out by its listener":       fast_open_listener,
    "send a datagram":                   datagram_out,
    "listen":                            listening,
    "execute":                           executed,
    "fork":                              forked,
    "make memory executable":            lambda i, t: i.call("mprotect", i.room, 4096, 5),
    "trace another process":             lambda i, t: i.call("ptrace", 0x4206, t.victim, 0, 0),
    "signal another process":            lambda i, t: i.call("kill", t.victim, SIGCONT),
    "signal one of its threads":         lambda i, t: i.call("tgkill", t.victim, t.victim, SIGCONT),
    "stop another process":              lambda i, t: i.call("kill", t.victim, SIGSTOP),
    "limit another process":             lambda i, t: i.call("prlimit64", t.victim, 7, i.data(struct.pack("=QQ", 64, 64)), 0),
    "re-schedule another process":       lambda i, t: i.call("sched_setscheduler", t.victim, 3, i.data(bytes(4))),
    "lower another process' priority":   lambda i, t: i.call("setpriority", 0, t.victim, 19),
    "bind another process to a CPU":     lambda i, t: i.call("sched_setaffinity", t.victim, 8, i.data(struct.pack("=Q", 1))),
    "reach a local socket":              to_local,
    "reach an abstract socket":          to_abstract,
    "reach it by sendto":                to_abstract_by_sendto,
    "reach it by sendmsg":               to_abstract_by_sendmsg,
}

# What is a role's own, and not tried by it.
OWN = {
    "siegel-sender": {"connect out"},
    "siegel-directory": {"open the directory's database", "write the directory's database"},
    "siegel-keyring": {"open the key"},
    "siegel-resolver": {"connect out", "connect out by sending", "send a datagram"},
    "siegel-fetcher": {"connect out"},
}

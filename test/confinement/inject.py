# SPDX-License-Identifier: Apache-2.0
"""Makes another process do system calls: what an attacker could do who runs code in it. Root only: no process of ours can
be traced by its own user. The process is stopped, its main thread does the calls, and it goes on as if nothing had been,
unless a call was the end of it."""
import contextlib
import ctypes
import errno
import os
import pathlib
import re
import signal
import struct

SEIZE, INTERRUPT, GETREGS, SETREGS, SINGLESTEP, DETACH = 0x4206, 0x4207, 12, 13, 9, 17
WAIT_ALL = 0x40000000  # __WALL
ROOM, FRAME_MAX = 1 << 17, 1 << 16
SOL_SOCKET, SO_RCVTIMEO, MSG_NOSIGNAL = 1, 20, 0x4000

CALLS = {
    "read": 0, "write": 1, "close": 3, "mmap": 9, "mprotect": 10, "munmap": 11, "connect": 42, "sendto": 44, "recvfrom": 45,
    "sendmsg": 46, "recvmsg": 47, "shutdown": 48, "bind": 49, "listen": 50, "socket": 41, "socketpair": 53,
    "setsockopt": 54, "fork": 57, "execve": 59, "kill": 62, "fcntl": 72, "truncate": 76, "rename": 82, "unlink": 87,
    "chmod": 90, "ptrace": 101, "sched_setscheduler": 144, "setpriority": 141, "setxattr": 188, "sched_setaffinity": 203,
    "tgkill": 234, "openat": 257, "utimensat": 280, "prlimit64": 302, "process_vm_readv": 310,
}

REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
             "ds es fs gs").split()
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS]


class Died(Exception):
    """The process ended by the call; signal is what ended it."""

    def __init__(self, number):
        super().__init__(signal.Signals(number).name if number else "it ended")
        self.signal = number


def ptrace(request, pid, data=None):
    if libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {pid}: {os.strerror(ctypes.get_errno())}")


def syscall_instruction(pid):
    """The address of the two bytes that call the kernel."""
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-xp .*/", line)
            if not found:
                continue
            first, last = (int(number, 16) for number in found.groups())
            memory.seek(first)
            at = memory.read(last - first).find(b"\x0f\x05")
            if at >= 0:
                return first + at
    raise LookupError(f"process {pid} has no system call instruction")


class Inside:
    """with Inside(pid) as i: i.call("openat", -100, i.text("/etc/passwd"), 0)"""

    def __init__(self, pid):
        self.pid, self.alive = pid, False

    def __enter__(self):
        self.instruction = syscall_instruction(self.pid)
        ptrace(SEIZE, self.pid)
        self.alive = True
        ptrace(INTERRUPT, self.pid)
        self.wait()
        self.before = Registers()
        ptrace(GETREGS, self.pid, ctypes.byref(self.before))
        self.room = self.call("mmap", 0, ROOM, 3, 0x22, -1, 0)
        assert self.room > 0, self.room
        self.used = 0
        return self

    def __exit__(self, kind, value, trace):
        if self.alive:
            self.call("munmap", self.room, ROOM)
            ptrace(SETREGS, self.pid, ctypes.byref(self.before))
            ptrace(DETACH, self.pid)

    def wait(self):
        _, status = os.waitpid(self.pid, WAIT_ALL)
        if os.WIFSTOPPED(status):
            return os.WSTOPSIG(status)
        self.alive = False
        raise Died(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)

    def call(self, name, *arguments):
        """What the call returned, -errno where it failed. Died if that was the end."""
        now = Registers.from_buffer_copy(self.before)
        now.rax, now.rip, now.orig_rax = CALLS[name], self.instruction, 2**64 - 1
        for register, argument in zip(ARGUMENTS, arguments + (0,) * 6):
            setattr(now, register, argument % 2**64)
        ptrace(SETREGS, self.pid, ctypes.byref(now))
        ptrace(SINGLESTEP, self.pid)
        while self.wait() != signal.SIGTRAP:
            ptrace(SINGLESTEP, self.pid)
        ptrace(GETREGS, self.pid, ctypes.byref(now))
        result = ctypes.c_longlong(now.rax).value
        if name == "execve" and result == 0:  # another program now, with none of our memory
            self.end()
        return result

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, WAIT_ALL)
        self.alive = False

    # ---- memory ------------------------------------------------------------------------------------------------------
    def data(self, content):
        """Puts bytes into the process; their address."""
        address = self.room + self.used
        self.used += (len(content) + 15) // 16 * 16
        assert self.used <= ROOM
        self.poke(address, content)
        return address

    def text(self, words):
        return self.data(os.fsencode(words) + b"\0")

    def poke(self, address, content):
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(address)
            memory.write(content)

    def peek(self, address, size):
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(size)

    @contextlib.contextmanager
    def borrowed(self):
        """What is put into the process meanwhile is forgotten afterwards."""
        used = self.used
        yield
        self.used = used

    # ---- messages ----------------------------------------------------------------------------------------------------
    def message(self, content, descriptors=(), name=b""):
        """A struct msghdr; its address."""
        vector = self.data(struct.pack("=QQ", self.data(content), len(content)))
        control, length = 0, 0
        if descriptors:
            rights = struct.pack(f"=Qii{len(descriptors)}i", 16 + 4 * len(descriptors), 1, 1, *descriptors)
            control, length = self.data(rights + bytes(-len(rights) % 8)), len(rights)
        return self.data(struct.pack("=QIxxxxQQQQi4x", self.data(name) if name else 0, len(name), vector, 1, control,
                                     length, 0))

    def send(self, fd, content, descriptors=()):
        with self.borrowed():
            return self.call("sendmsg", fd, self.message(content, descriptors), MSG_NOSIGNAL)

    def receive(self, fd, patience=60):
        """The next datagram, b"" at the end, None when nothing came in so many seconds."""
        with self.borrowed():
            limit = self.data(struct.pack("=qq", patience, 0))
            assert self.call("setsockopt", fd, SOL_SOCKET, SO_RCVTIMEO, limit, 16) == 0
            room = self.data(bytes(FRAME_MAX))
            got = self.call("recvfrom", fd, room, FRAME_MAX, 0, 0, 0)
            if got == -errno.ECONNRESET:  # the end too, with something of ours unread
                return b""
            return None if got < 0 else self.peek(room, got)

    def pair(self):
        """Both ends of a new SOCK_SEQPACKET pair."""
        ends = self.data(bytes(8))
        assert self.call("socketpair", 1, 5 | 0o2000000, 0, ends) == 0
        return struct.unpack("=ii", self.peek(ends, 8))

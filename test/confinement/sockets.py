# SPDX-License-Identifier: Apache-2.0
"""Which of a process' descriptors is which socket: asked of the kernel, from outside."""
import os
import pathlib
import re
import socket
import struct

LISTEN, ESTABLISHED = "0A", "01"


def inodes_of(pid):
    """Descriptor -> inode, of all its sockets."""
    found = {}
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            inode = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
        except OSError:
            continue
        if inode:
            found[int(link.name)] = int(inode[1])
    return found


def tcp_descriptors(pid, state, remote=None):
    """Its TCP sockets in that state, with that port at the other end."""
    wanted = set()
    for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == state and remote in (None, int(words[2].split(":")[1], 16)):
            wanted.add(int(words[9]))
    return sorted(fd for fd, inode in inodes_of(pid).items() if inode in wanted)


def listener_of(pid):
    return next(iter(tcp_descriptors(pid, LISTEN)), -1)


def unix_peers():
    """Inode -> inode of the other end, of all local sockets (sock_diag(7))."""
    request = struct.pack("=IHHIIBBHIIIII", 40, 20, 0x301, 1, 0, socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, 4, 0, 0)
    peers = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as s:
        s.send(request)
        while True:
            answer = s.recv(1 << 16)
            while answer:
                length, kind = struct.unpack_from("=IH", answer)
                if kind != 20:
                    return peers
                (inode,) = struct.unpack_from("=I", answer, 20)
                at = 32
                while at + 8 <= length:
                    size, attribute = struct.unpack_from("=HH", answer, at)
                    if attribute == 2:
                        (peers[inode],) = struct.unpack_from("=I", answer, at + 4)
                    at += (size + 3) // 4 * 4
                answer = answer[length:]


def channel_to(pid, other):
    """The descriptor of the process whose other end is held by that other process: the oldest one."""
    peers, theirs = unix_peers(), set(inodes_of(other).values())
    return min(fd for fd, inode in inodes_of(pid).items() if peers.get(inode) in theirs)


def local_listener_of(pid):
    """Its listening socket that has a path."""
    rows = [line.split() for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]]
    listening = {int(words[6]) for words in rows if len(words) > 7 and words[3] == "00010000"}
    (found,) = [fd for fd, inode in inodes_of(pid).items() if inode in listening]
    return found


def packet_sockets():
    """Inodes of the sockets that carry frames; the streams of sessions are others."""
    rows = pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]
    return {int(words[6]) for words in map(str.split, rows) if words[4] == "0005"}

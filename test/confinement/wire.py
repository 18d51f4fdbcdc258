# SPDX-License-Identifier: Apache-2.0
"""Frames as src/ipc/wire.h has them, for a peer that says what it likes."""
import dataclasses
import re
import struct

from harness.server import build_folder

HEADER = struct.Struct("=HHI")
CLIENT, AUTH_START, AUTH_DONE, MAIL, RCPT, DATA, VERDICT = 1, 2, 5, 10, 11, 12, 13
BODY_BEGIN, BODY, BODY_END, QUEUED = 1, 2, 3, 5
SESSION_OPEN = 1
QUESTIONS, VERDICTS = 14, 15
RECORD = struct.Struct("=HI")  # number and length, then the fields


def version():
    text = (build_folder() / "src" / "ipc" / "ipc_version.h").read_text()
    return int(re.search(r"IPC_VERSION 0x([0-9a-f]+)", text)[1], 16)


def string(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("=I", len(value)) + value


def number(value):
    return struct.pack("=Q", value)


def flag(value):
    return bytes([value])


FD = flag(1)


def question(message, *fields):
    """One record of `questions`."""
    content = b"".join(fields)
    return string(RECORD.pack(message, len(content)) + content)


def frame(message, *fields):
    return HEADER.pack(version(), message, 0) + b"".join(fields)


@dataclasses.dataclass
class Answer:
    """A verdict, alone in `verdicts`, or `queued`: both begin alike."""
    message: int
    code: int
    status: str
    reason: str
    transaction: bytes


def read_answer(content):
    message, at = HEADER.unpack_from(content)[1], HEADER.size
    if message == VERDICTS:
        at += 4
        message, at = RECORD.unpack_from(content, at)[0], at + RECORD.size
    (code,), at = struct.unpack_from("=Q", content, at), at + 8
    words = []
    for _ in range(2):
        (length,), at = struct.unpack_from("=I", content, at), at + 4
        words.append(content[at:at + length].decode())
        at += length
    return Answer(message, code, *words, content[-16:])

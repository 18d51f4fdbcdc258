# SPDX-License-Identifier: Apache-2.0
"""Messages that no RFC allows and that exist: taken by DATA and by BDAT, and read back to the byte, with an ENVELOPE and a
BODYSTRUCTURE that a client can read. Only trace fields stand in front."""
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.imap import Client  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

ANNA, SENDER = "anna@example.test", "a@elsewhere.test"
MIB = 1 << 20
NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(100))
MESSAGES = {
    "8-bit header": b"Subject: M\xfcnchen \xff\xfe\r\nFrom: \xe4 <a@b>\r\n\r\nbody \xfc\r\n",
    "no date": b"Subject: no date\r\n\r\nx\r\n",
    "empty line": b"\r\n",
    "no header": b"\r\nonly a body\r\n",
    "no body": b"Subject: no body\r\n",
    "no header field": b"this is no header\r\nnor is this\r\n\r\nbody\r\n",
    "bare parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\n--b--\r\n",
    "100 nested parts": NESTED + b"\r\ndeep\r\n" + b"".join(b"--b%d--\r\n" % i for i in reversed(range(100))),
    "100 nested messages": b"Content-Type: message/rfc822\r\n\r\n" * 100 + b"Subject: in\r\n\r\nx\r\n",
    "10,000 header fields": b"".join(b"X-%d: v\r\n" % i for i in range(10000)) + b"\r\nx\r\n",
    "header field of 900,000 bytes": b"Subject: " + b"z" * 900000 + b"\r\n\r\nx\r\n",
    "line of 1 MiB": b"Subject: long\r\n\r\n" + b"y" * MIB + b"\r\n",
    "NUL and control characters": b"Subject: \x01\x1b[31m\r\n\r\na\x00b\x07\r\n",
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n...x\r\n.end\r\n",
}
BY_BDAT_ONLY = {"no line end": b"Subject: x\r\n\r\nno end", "line of 1 MiB without end": b"\r\n" + b"z" * MIB, "one byte": b"x"}
CASES = [(name, text, way) for name, text in MESSAGES.items() for way in ("DATA", "BDAT")] + \
        [(name, text, "BDAT") for name, text in BY_BDAT_ONLY.items()]
TRACE = re.compile(rb"Return-Path: <([^>\r\n]*)>\r\nReceived: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")


@pytest.fixture(scope="module")
def server():
    with Server() as s:
        s.account("kx-anna")
        yield s


def deliver(server, text, way, sender=SENDER):
    client = Smtp.to(server)
    assert client.envelope(sender, ANNA).code == 250
    if way == "DATA":
        reply = client.data(re.sub(rb"(?m)^\.", b"..", text))
    else:
        client.send(b"BDAT %d LAST\r\n" % len(text) + text)
        reply = client.reply()
    client.close()
    assert reply.code == 250, reply
    return reply.text.split()[-1]


def read_last(server, number):
    server.wait_for(lambda: [e for e in server.log("message_delivered") if e["message"] == number])
    client = Client(server.connect("imaps"))
    client.login("kx-anna", PASSWORD)
    client.ok("SELECT INBOX")
    fields = client.ok("FETCH * (ENVELOPE BODYSTRUCTURE RFC822.SIZE BODY.PEEK[])").of("FETCH")[0][2]
    client.close()
    return dict(zip(fields[::2], fields[1::2]))


@pytest.mark.parametrize("name, text, way", CASES, ids=[f"{name}, {way}" for name, _, way in CASES])
def test_kept_to_the_byte(server, name, text, way):
    mail = read_last(server, deliver(server, text, way))
    trace = TRACE.match(mail["BODY[]"])
    assert trace and trace[1].decode() == SENDER
    assert mail["BODY[]"][trace.end():] == text
    assert int(mail["RFC822.SIZE"]) == len(mail["BODY[]"])
    assert len(mail["ENVELOPE"]) == 10 and mail["BODYSTRUCTURE"]


def test_return_path_of_nobody(server):
    """RFC 5321 4.4: the null sender too."""
    mail = read_last(server, deliver(server, MESSAGES["no date"], "DATA", sender=""))
    assert mail["BODY[]"].startswith(b"Return-Path: <>\r\nReceived: ")

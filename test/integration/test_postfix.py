# SPDX-License-Identifier: Apache-2.0
"""A real Postfix sends 1,000 messages by verified STARTTLS: each arrives once, and to the byte."""
import concurrent.futures
import os
import pathlib
import random
import re
import smtplib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness import messages  # noqa: E402
from harness.imap import Client  # noqa: E402
from harness.postfix import Postfix  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402

COUNT, BY_SENDMAIL, CONNECTIONS = 1000, 60, 8
SENDERS = ("a@elsewhere.test", "", "list-owner+bounce=x@elsewhere.test", '"odd one"@elsewhere.test')
RECIPIENTS = (("anna@example.test",), ("bert@example.test",), ("anna@example.test", "bert@example.test"),
              ("ANNA@Example.Test",), ("anna+box@example.test",), ("info@example.test",))
# What each server puts in front: Return-Path and Received, with their continuation lines.
TRACE = re.compile(rb"(?:(?:Return-Path|Received|Delivered-To):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)+", re.I)


def odd_body(chance, number):
    """Bodies that something on the way might want to change."""
    odd = (b"", b".\r\n", b"..\r\n.\r\n...\r\n", b"\r\n\r\n\r\n", b"From the beginning\r\n>From quoted\r\n", b"trailing blanks  \t \r\n",
           b"x" * 5000 + b"\r\n", "Gr\u00fc\u00dfe aus K\u00f6ln \u65e5\u672c\r\n".encode(), b"\xff\xfe\x80 no UTF-8\r\n", b"\t\x0b\x0c\x07\r\n",
           b"--\r\n-- \r\n", b"line\r\n" * 20000, chance.randbytes(300).replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"") + b"\r\n",
           b"\r\n.\r\n", b"end without\r\n\r\n")
    return odd[number % len(odd)]


def make(number):
    chance = random.Random(number)
    if number % 3 == 0:
        lines = [f"From: a{number}@elsewhere.test", f"Subject: odd {number}", "Date: Mon, 1 Jan 2024 00:00:00 +0000",
                 f"Message-ID: <{number}.odd@elsewhere.test>", "To: undisclosed-recipients:;"]
        if number % 2:
            lines += ["X-Folded: one\r\n two\r\n\tthree", f"X-Long: {'y' * 900}", "X-Empty:", "Bcc: hidden@elsewhere.test",
                      "X-8bit: \u00e4\u00f6\u00fc", "return-path: <kept@elsewhere.test>"]
        mail = ("\r\n".join(lines) + "\r\n\r\n").encode() + odd_body(chance, number // 3)
    else:
        mail = messages.message(chance, number)
        if not re.search(rb"^Date:", mail, re.M):
            mail = b"Date: Tue, 2 Jan 2024 00:00:00 +0000\r\n" + mail
    mail = f"X-Test: {number}\r\n".encode() + mail
    return mail if mail.endswith(b"\r\n") else mail + b"\r\n"


def dotted(mail):
    return re.sub(rb"(?m)^\.", b"..", mail)


def send_some(postfix, numbers, mails):
    """By SMTP to Postfix, as other programs hand it their mail."""
    client = smtplib.SMTP("127.0.0.1", postfix.port, timeout=60)
    client.ehlo("client.elsewhere.test")
    for number in numbers:
        client.mail(SENDERS[number % len(SENDERS)], ["BODY=8BITMIME"])
        for recipient in RECIPIENTS[number % len(RECIPIENTS)]:
            assert client.rcpt(recipient)[0] == 250, recipient
        assert client.docmd("DATA")[0] == 354
        client.send(dotted(mails[number]) + b".\r\n")  # smtplib's own way repairs line ends
        assert client.getreply()[0] == 250
    client.quit()


def received(server, login):
    client = Client(server.connect("imaps"))
    client.login(login, PASSWORD)
    client.ok("SELECT INBOX")
    found = [u[2][u[2].index("BODY[]") + 1] for u in client.ok("UID FETCH 1:* (BODY.PEEK[])").of("FETCH")]
    client.close()
    return found


def count(server, login):
    client = Client(server.connect("imaps"))
    client.login(login, PASSWORD)
    answer = client.ok("STATUS INBOX (MESSAGES)")
    client.close()
    return int(answer.of("STATUS")[0][2][1])


def expected(login):
    """Numbers of the messages that go to this mailbox, anna's or bert's."""
    mine = {"kx-anna": ("anna", "info"), "kx-bert": ("bert",)}[login]
    return {n for n in range(COUNT) for r in RECIPIENTS[n % len(RECIPIENTS)] if re.split(r"[+@]", r.lower())[0] in mine}


def differences(found, mails, wanted):
    seen = {}
    for mail in found:
        trace = TRACE.match(mail)
        assert trace and b"by mail.example.test" in trace[0] and b"by sender.elsewhere.test" in trace[0], mail[:600]
        assert b" ESMTPS (TLSv1.3 " in trace[0] or b" UTF8SMTPS (TLSv1.3 " in trace[0], trace[0]
        rest = mail[trace.end():]
        number = int(re.match(rb"X-Test: (\d+)\r\n", rest)[1])
        seen[number] = seen.get(number, 0) + 1
        if rest != mails[number]:
            at = next((i for i, (a, b) in enumerate(zip(rest, mails[number])) if a != b), min(len(rest), len(mails[number])))
            yield f"message {number} differs at byte {at}: {rest[at - 20:at + 60]!r}, sent {mails[number][at - 20:at + 60]!r}"
    if seen != dict.fromkeys(wanted, 1):
        yield f"missing {sorted(wanted - seen.keys())[:20]}, more than once {[n for n in seen if seen[n] > 1][:20]}"


@pytest.mark.skipif(os.getuid() != 0, reason="Postfix runs its programs as several users, which needs root")
def test_thousand_messages():
    mails = {number: make(number) for number in range(COUNT)}
    with Server() as server:
        server.account("kx-anna")
        server.account("kx-bert")
        server.command("alias", "add", "info@example.test", "anna@example.test")
        with Postfix(server.port("smtp"), server.folder / "keys" / "tls.crt", server.hostname) as postfix:
            numbers = list(range(BY_SENDMAIL, COUNT))
            with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
                jobs = [pool.submit(send_some, postfix, numbers[i::CONNECTIONS], mails) for i in range(CONNECTIONS)]
                for number in range(BY_SENDMAIL):
                    postfix.sendmail(SENDERS[number % len(SENDERS)] or "<>", RECIPIENTS[number % len(RECIPIENTS)], mails[number])
                for job in jobs:
                    job.result()
            postfix.wait_empty(120)
            log = postfix.log_text()
        assert "status=bounced" not in log and "status=deferred" not in log, log[-3000:]
        assert log.count("Verified TLS connection established") > 0 and "Untrusted TLS" not in log
        for login in ("kx-anna", "kx-bert"):
            server.wait_for(lambda login=login: count(server, login) >= len(expected(login)), timeout=60)
            found = list(differences(received(server, login), mails, expected(login)))
            assert not found, "\n".join(found[:20])
        # A delivery is forgotten once the account's file is synced, at most a second later.
        server.wait_for(lambda: server.objects("queue", "list") == [])
        server.wait_for(lambda: len(server.log("message_accepted")) >= COUNT)


@pytest.mark.parametrize("verify", ("kx-anna", "kx-bert"))
def test_expected(verify):
    """The test itself expects something in each mailbox."""
    assert len(expected(verify)) > COUNT / 4

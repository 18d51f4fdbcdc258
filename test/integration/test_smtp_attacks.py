# SPDX-License-Identifier: Apache-2.0
"""Attacks on the way in, against a running server: smuggled messages, injected commands, relaying, floods."""
import itertools
import json
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.imap import Client  # noqa: E402
from harness.messages import DATA  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

ANNA = "anna@example.test"
SEQUENCES = sorted(set(itertools.chain(*json.loads((DATA / "smtp-smuggling" / "sequences.json").read_text()).values())))
GOOD = b"From: a@elsewhere.test\r\nSubject: good\r\n\r\nbody\r\n"


@pytest.fixture(scope="module")
def server():
    with Server(settings=["smtp.errors_max=50", "login.failures_per_network=1000"]) as s:
        s.account("kx-anna")
        s.account("kx-bert")
        yield s


def subjects(server, login="kx-anna"):
    """The subjects of all mails of the inbox."""
    client = Client(server.connect("imaps"))
    client.login(login, PASSWORD)
    client.ok("SELECT INBOX")
    answer = client.ok("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    client.close()
    return [u[2][u[2].index("BODY[HEADER.FIELDS (SUBJECT)]") + 1].decode().partition(":")[2].strip()
            for u in answer.of("FETCH")]


def connect(server, service):
    client = Smtp.to(server, service)
    if service == "submission":
        client.starttls(server)
    if service.startswith("submission"):
        assert client.login("kx-bert", PASSWORD).code == 235
    return client


# ---- smuggling -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("service", ("smtp", "lmtp", "submission"))
def test_smuggling(server, service):
    """RFC 5321 2.3.8 and 4.1.1.4: only CR LF dot CR LF ends the data; each attempt is one message or none."""
    accepted = 0
    for number, sequence in enumerate(SEQUENCES):
        client = connect(server, service)
        assert client.envelope("bert@example.test", ANNA).code == 250
        assert client.command("DATA").code == 354
        outer = f"From: bert@example.test\r\nSubject: outer {service} {number}\r\n\r\nbody"
        inner = (f"MAIL FROM:<bert@example.test>\r\nRCPT TO:<{ANNA}>\r\nDATA\r\nFrom: bert@example.test\r\n"
                 "Subject: smuggled\r\n\r\nbody\r\n.\r\n")
        client.send((outer + sequence + inner).encode())
        replies = client.everything(0.3)
        assert len(replies) == 1, f"{sequence!r}: {replies}"
        assert replies[0].code in (250, 550), f"{sequence!r}: {replies}"
        accepted += replies[0].code == 250
        client.close()
    server.wait_for(lambda: sum(s.startswith(f"outer {service}") for s in subjects(server)) == accepted)
    assert "smuggled" not in subjects(server)


def test_smuggling_by_bdat(server):
    """RFC 3030 2: in BDAT nothing but the announced size ends a chunk."""
    client = connect(server, "smtp")
    assert client.envelope("a@elsewhere.test", ANNA).code == 250
    body = b"Subject: by bdat\r\n\r\nx\r\n.\r\nMAIL FROM:<e@elsewhere.test>\r\n"
    client.send(b"BDAT %d LAST\r\n" % len(body) + body)
    assert [r.code for r in client.everything(0.5)] == [250]


def test_commands_behind_the_message(server):
    """RFC 2920 3.1: what follows the final dot in the same packet is commands of this client, not of the message."""
    client = connect(server, "smtp")
    assert client.envelope("a@elsewhere.test", ANNA).code == 250
    assert client.command("DATA").code == 354
    client.send(GOOD + b".\r\nRSET\r\nQUIT\r\n")
    assert [r.code for r in client.everything()] == [250, 250, 221]


# ---- STARTTLS --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("service,line", (("smtp", b"STARTTLS\r\n"), ("submission", b"STARTTLS\r\n"), ("imap", b"a STARTTLS\r\n")))
@pytest.mark.parametrize("injected", (b"RSET\r\n", b"MAIL FROM:<e@elsewhere.test>\r\n", b"x", b"a NOOP\r\n", b"\r\n"))
def test_starttls_injection(server, service, line, injected):
    """RFC 3207 4.2, CVE-2011-0411: nothing that came in clear is acted upon after the handshake."""
    client = Smtp(server.connect(service, tls=False), greet=service != "imap")
    if service == "imap":
        client.line()
    else:
        client.command("EHLO attacker.test")
    client.send(line + injected)
    first = client.line()
    assert first is not None and not first.startswith(("220", "a OK")), first
    assert client.line() is None, "the connection goes on"


def test_nothing_before_tls_counts_after_it(server):
    """RFC 3207 4.2: the server forgets EHLO, sender and recipients."""
    client = Smtp.to(server, "smtp")
    assert client.envelope("a@elsewhere.test", ANNA).code == 250
    assert client.command("STARTTLS").code == 503  # not in the middle of a transaction
    assert client.command("RSET").code == 250
    assert client.command("STARTTLS").code == 220
    client.socket = server.tls_context().wrap_socket(client.socket, server_hostname=server.hostname)
    assert client.command("DATA").code == 503
    assert client.command("MAIL FROM:<a@elsewhere.test>").code == 503
    assert client.command("EHLO attacker.test").code == 250
    assert client.command("STARTTLS").code == 503


def test_no_password_in_clear(server):
    before = len(server.log("login_ok"))
    for service in ("smtp", "submission", "lmtp"):
        client = Smtp.to(server, service)
        assert client.login("kx-anna", PASSWORD).code in (500, 502, 503, 530), service
        assert client.login("kx-anna", PASSWORD).refused
    assert len(server.log("login_ok")) == before


# ---- relaying --------------------------------------------------------------------------------------------------------

RELAY_RECIPIENTS = (
    "victim@elsewhere.test", "VICTIM@Elsewhere.TEST", "victim%elsewhere.test@example.test", "elsewhere.test!victim@example.test",
    "victim%elsewhere.test@[127.0.0.1]", "@example.test:victim@elsewhere.test", "@example.test,@other.test:victim@elsewhere.test",
    '"victim@elsewhere.test"@example.test', '"victim@elsewhere.test"', '"victim%elsewhere.test"@example.test',
    "victim@elsewhere.test@example.test", "victim@[127.0.0.1]", "victim@[IPv6:::1]", "victim@localhost", "victim@mail.example.test",
    "victim@example.test.elsewhere.test", "victim@xexample.test", "victim@sub.example.test", "victim@elsewhere.test%00@example.test",
    'anna@example.test\\"@elsewhere.test', "victim@example.test@elsewhere.test", "@elsewhere.test:anna@example.test",
    "victim@elsewhere.test,anna@example.test", "victim@elsewhere.test anna@example.test", "anna%example.test@elsewhere.test")
SENDERS = ("somebody@elsewhere.test", "", ANNA, "postmaster@example.test", "anna@[127.0.0.1]", '"anna@example.test"@example.test')


@pytest.mark.parametrize("sender", SENDERS, ids=lambda s: s or "null")
def test_relay_refused(server, sender):
    """R1, R2: without a login nobody sends to a stranger, from loopback as little as from anywhere."""
    client = Smtp.to(server)
    reply = client.command(f"MAIL FROM:<{sender}>")
    for recipient in RELAY_RECIPIENTS if reply.code == 250 else ():
        reply = client.command(f"RCPT TO:<{recipient}>")
        if reply is None or reply.code == 421:
            client = Smtp.to(server)
            client.command(f"MAIL FROM:<{sender}>")
            reply = client.command(f"RCPT TO:<{recipient}>")
        assert 500 <= reply.code <= 599, f"{recipient}: {reply}"
    assert client.command("DATA").code in (503, 554)
    strangers = [r for m in server.objects("queue", "list") for r in m["recipients"] if not r.endswith("@example.test")]
    assert strangers == []


def test_relay_refused_on_submission_and_lmtp(server):
    """RFC 6409 4.3: submission is for those who logged in. LMTP relays nothing at all."""
    client = Smtp.to(server, "submission")
    client.starttls(server)
    assert client.command(f"MAIL FROM:<{ANNA}>").code == 530
    assert client.command("RCPT TO:<victim@elsewhere.test>").code in (503, 530)
    client = Smtp.to(server, "lmtp")
    for recipient in RELAY_RECIPIENTS:
        client.command("RSET")
        assert client.envelope("a@elsewhere.test", recipient).refused, recipient


def test_relay_refusals_are_logged(server):
    client = Smtp.to(server)
    assert client.envelope("a@elsewhere.test", "logged@elsewhere.test").code == 550
    entries = server.wait_for(lambda: [e for e in server.log("relay_refused") if e["recipient"] == "logged@elsewhere.test"])
    assert [e["client"] for e in entries] == ["127.0.0.1"], entries


def test_own_addresses_in_any_case(server):
    """RFC 5321 2.4: domains in any case; our local parts as well, and postmaster always (4.5.1)."""
    client = Smtp.to(server)
    client.command("MAIL FROM:<>")
    for recipient in ("anna@EXAMPLE.test", "ANNA@example.test", '"anna"@example.test', "Postmaster@example.test", "abuse@example.test",
                      "anna+box@example.test"):
        assert client.command(f"RCPT TO:<{recipient}>").code == 250, recipient
    assert client.command("RCPT TO:<Postmaster>").code == 250


def test_sender_must_be_ones_own(server):
    """After a login the envelope's sender, From and Sender belong to the account."""
    client = connect(server, "submissions")
    for sender in (ANNA, "bert@elsewhere.test", '"anna"@example.test', "bert%x@example.test"):
        assert client.command(f"MAIL FROM:<{sender}>").refused, sender
    refused = len(server.log("message_refused"))
    headers = ("From: anna@example.test", "From: bert@example.test, anna@example.test", "From: bert@example.test\r\nFrom: anna@example.test",
                   "Subject: no From", "From: bert@example.test\r\nSender: anna@example.test", "From: (anna@example.test) anna@example.test",
                   "From: bert@example.test <anna@example.test>", "From : anna@example.test", "From:\r\n anna@example.test")
    for header in headers:
        assert client.envelope("bert@example.test", ANNA).code == 250
        reply = client.data(f"{header}\r\n\r\nforged\r\n".encode())
        assert 500 <= reply.code <= 599, f"{header}: {reply}"
    server.wait_for(lambda: len(server.log("message_refused")) >= refused + len(headers))


# ---- manners ---------------------------------------------------------------------------------------------------------

def test_vrfy_and_expn_disclose_nothing(server):
    """RFC 5321 7.3: the same answer for who exists and who does not."""
    client = Smtp.to(server)
    for verb in ("VRFY", "EXPN"):
        answers = {str(client.command(f"{verb} {name}")) for name in ("anna", ANNA, "nobody", "postmaster", "nobody@example.test", "kx-anna")}
        assert len(answers) == 1, answers


@pytest.mark.parametrize("group", (
    b"EHLO a.test\r\nMAIL FROM:<a@elsewhere.test>\r\n", b"DATA\r\nSubject: x\r\n", b"QUIT\r\nNOOP\r\n", b"NOOP\r\nRSET\r\n",
    b"VRFY anna\r\nNOOP\r\n", b"EXPN info\r\nNOOP\r\n"), ids=lambda g: g.split(b"\r")[0].decode())
def test_commands_out_of_turn(server, group):
    """RFC 2920 3.1: EHLO, DATA, VRFY, EXPN, NOOP and QUIT end a group."""
    client = Smtp.to(server)
    assert client.envelope("a@elsewhere.test", ANNA).code == 250
    client.send(group)
    replies = client.everything(0.5)
    assert replies[0].code == 554, replies
    assert len(replies) == 1, replies


def test_odd_bytes(server):
    """RFC 5321 4.1.1: no command holds control characters; none gets into the log as it came."""
    client = Smtp.to(server)
    for line in (b"MAIL FROM:<a\0@elsewhere.test>\r\n", b"HELO \x1b[31m\r\n", b"\xff\xfe\xfd\r\n", b"EHLO a\x7fb\r\n", b"\0" * 50 + b"\r\n"):
        client.send(line)
        assert 500 <= client.reply().code < 600, line
    assert client.command("NOOP").code == 250


def test_line_too_long(server):
    """RFC 5321 4.5.3.1.4: a long command line is refused and the session goes on; an endless one ends it."""
    client = Smtp.to(server)
    assert client.command("NOOP " + "x" * 5000).code == 500
    assert client.command("NOOP").code == 250
    client.send(b"NOOP " + b"x" * 200000 + b"\r\n")
    replies = client.everything(0.5)
    assert replies and 500 <= replies[0].code < 600, replies


def test_long_text_lines_are_kept(server):
    """RFC 5321 4.5.3.1.6 promises 998 octets to a line; longer ones exist, and are kept to the byte."""
    client = Smtp.to(server)
    assert client.envelope("a@elsewhere.test", ANNA).code == 250
    assert client.data(b"Subject: long line\r\n\r\n" + b"x" * 300000 + b"\r\n").code == 250


# ---- limits ----------------------------------------------------------------------------------------------------------

LIMITS = ("server.internal_networks=10.0.0.0/8", "smtp.sessions_per_address=3", "smtp.sessions_per_network=6", "smtp.errors_max=5",
          "smtp.recipients_max=4", "smtp.message_max=100000", "smtp.header_max=65536", "smtp.command_timeout=5", "smtp.data_timeout=5",
          "smtp.received_max=10", "smtp.messages_max=3", "smtp.greeting_delay=1", "imap.greeting_timeout=5", "imap.sessions_per_address=4")


@pytest.fixture(scope="module")
def strict():
    with Server(settings=LIMITS) as s:
        for name in ("anna", "bert", "carl", "dora", "emil"):
            s.account(f"kx-{name}")
        yield s


def source(number):
    """Addresses of networks of their own, so that one test's connections do not count in another."""
    return f"127.0.{number}.1"


def test_connections_per_address(strict):
    held = [Smtp.to(strict, source=source(1), hello=False) for _ in range(3)]
    assert Smtp.to(strict, source=source(1)).greeting.code == 421
    held.pop().close()
    strict.wait_for(lambda: Smtp.to(strict, source=source(1)).greeting.code == 220)


def test_connections_per_network(strict):
    held = [Smtp.to(strict, source=f"127.0.2.{n}", hello=False) for n in range(1, 7)]
    assert [h.greeting.code for h in held] == [220] * 6
    assert Smtp.to(strict, source="127.0.2.9").greeting.code == 421
    assert Smtp.to(strict, source=source(3)).greeting.code == 220


def test_too_many_errors(strict):
    client = Smtp.to(strict, source=source(4))
    codes = [client.command("FOO").code for _ in range(5)]
    assert codes == [500] * 5
    assert client.reply().code == 421
    assert client.is_closed()


def test_too_many_recipients(strict):
    """RFC 5321 4.5.3.1.10: 452, and those that were taken get the message."""
    client = Smtp.to(strict, source=source(5))
    client.command("MAIL FROM:<a@elsewhere.test>")
    codes = [client.command(f"RCPT TO:<{name}@example.test>").code for name in ("anna", "bert", "carl", "dora", "emil")]
    assert codes == [250] * 4 + [452]
    assert client.data(GOOD).code == 250


def test_message_too_large(strict):
    """RFC 1870 6.1 and 6.3: announced, or noticed on the way, or in chunks."""
    client = Smtp.to(strict, source=source(6))
    assert client.command("MAIL FROM:<a@elsewhere.test> SIZE=100001").code == 552
    assert client.command("MAIL FROM:<a@elsewhere.test> SIZE=99999999999999999999").code in (501, 552)
    assert client.envelope("a@elsewhere.test", ANNA).code == 250
    assert client.data(b"Subject: large\r\n\r\n" + b"x" * 78 * 1400 + b"\r\n").code == 552
    assert client.envelope("a@elsewhere.test", ANNA).code == 250
    client.send(b"BDAT 100001 LAST\r\n" + b"x" * 100001)
    assert client.reply().code == 552
    assert client.command("NOOP").code == 250


def test_header_too_large(strict):
    client = Smtp.to(strict, source=source(7))
    assert client.envelope("a@elsewhere.test", ANNA).code == 250
    assert client.data(b"".join(b"X-%d: %s\r\n" % (n, b"y" * 60) for n in range(1100)) + b"\r\nbody\r\n").code == 552


def test_messages_of_one_connection(strict):
    client = Smtp.to(strict, source=source(8))
    for _ in range(3):
        assert client.envelope("a@elsewhere.test", ANNA).code == 250
        assert client.data(GOOD).code == 250
    assert client.command("MAIL FROM:<a@elsewhere.test>").code in (421, 452)


def test_circles(strict):
    """RFC 5321 6.3"""
    client = Smtp.to(strict, source=source(9))
    assert client.envelope("a@elsewhere.test", ANNA).code == 250
    assert client.data(b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n" * 11 + GOOD).code == 554
    strict.wait_for(lambda: [e for e in strict.log("message_refused") if "circles" in e["reason"] and e["client"] == source(9)])


def test_early_talker(strict):
    """RFC 5321 4.3.1: the client waits for the greeting."""
    client = Smtp(strict.connect("smtp"), greet=False)
    client.send(b"EHLO early.test\r\n")
    assert client.reply().code == 554
    assert client.is_closed()


def drip(client, seconds, pieces):
    """Sends a byte now and then. The seconds until the server has ended it."""
    begin = time.monotonic()
    client.socket.settimeout(0.5)
    while time.monotonic() - begin < seconds:
        client.send(next(pieces))
        try:
            reply = client.reply()
        except TimeoutError:
            continue
        assert reply is None or reply.code == 421, reply
        return time.monotonic() - begin
    raise AssertionError(f"the server still waits after {seconds} s")


def test_slow_clients(strict):
    """RFC 5321 4.5.3.2.7: who says nothing, or never ends a line, is not waited for; all at the same time, here."""
    silent = Smtp.to(strict, source=source(10))
    talking = Smtp.to(strict, source=source(11))
    inside = Smtp.to(strict, source=source(12))
    assert inside.envelope("a@elsewhere.test", ANNA).code == 250
    assert inside.command("DATA").code == 354
    inside.send(b"Subject: never ended\r\n")
    greeter = strict.connect("imaps")
    assert 3 < drip(talking, 60, itertools.repeat(b"x"))
    assert silent.reply().code == 421 and silent.is_closed()
    last = inside.reply()
    assert last is None or last.code == 421
    greeter.settimeout(60)
    text = b""
    while more := greeter.recv(1000):
        text += more
    assert b"* BYE" in text


def test_connections_without_tls(strict):
    """W4: 143 is for internal_networks, of which loopback is none here."""
    assert strict.connect("imap").recv(100) == b""


def test_imap_connections_per_address(strict):
    """Whichever front doors they come through."""
    held = [strict.connect("imaps") for _ in range(4)]
    assert [connection.recv(4) for connection in held] == [b"* OK"] * 4
    for _ in range(4):
        try:
            assert strict.connect("imaps").recv(5) == b"* BYE"
        except OSError:
            pass  # refused before TLS, by a front door that has all of them itself

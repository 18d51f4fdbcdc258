# SPDX-License-Identifier: Apache-2.0
"""Mail that leaves for servers of others' making and is looked at there: Exim, OpenSMTPD, Dovecot's LMTP, a Postfix that lacks
extensions, and smtp-sink with its ways to fail. And Exim sends to us."""
import contextlib
import email
import email.policy
import os
import pathlib
import re
import smtplib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.dovecot import Dovecot  # noqa: E402
from harness.imap import Client  # noqa: E402
from harness.outside import Certificates, Postfix  # noqa: E402
from harness.peers import Exim, Sink, Smtpd, maildir  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="the peers run as users of their own, which needs root")

PATIENCE = 90
SETTINGS = ["queue.retry_first=1s", "queue.retry_max=2s", "accounts.sent_per_hour=0", "accounts.sent_per_day=0",
            "accounts.strangers_per_hour=0", "accounts.strangers_per_day=0", "sender.command_timeout=30"]
EIGHT_BIT = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
BODIES = {
    "dots": ("", ".\r\n..\r\n.x\r\n\r\n" + "y" * 990 + "\r\nblanks  \t \r\nFrom here\r\n.\r\n"),
    "eight": (EIGHT_BIT, "Grüße aus Köln\r\n.\r\n日本\r\n"),
    "large": ("", ("z" * 76 + "\r\n") * 40000),
    "empty": ("", ""),
}
# smtp-sink: options, what becomes of mail, its cause, the route's protocol
SINKS = {
    "rcpt-5xx": (("-f", "rcpt"), "failed", "refused", "smtp"),
    "mail-5xx": (("-f", "mail"), "failed", "sender-refused", "smtp"),
    "data-5xx": (("-f", "data"), "failed", "refused", "smtp"),
    "end-5xx": (("-f", "."), "failed", "content-refused", "smtp"),
    "connect-5xx": (("-f", "connect"), "deferred", "sender-refused", "smtp"),
    "rcpt-4xx": (("-r", "rcpt"), "deferred", "busy", "smtp"),
    "end-4xx": (("-r", "."), "deferred", "busy", "smtp"),
    "mail-gone": (("-q", "mail"), "deferred", "unreachable", "smtp"),
    "data-gone": (("-q", "data"), "deferred", "unreachable", "smtp"),
    "end-gone": (("-q", "."), "deferred", "unreachable", "smtp"),
    "rcpt-421": (("-Q", "rcpt"), "deferred", "busy", "smtp"),
    "own-words": (("-f", "rcpt", "-B", "550 5.2.2 this box is full"), "failed", "mailbox-full", "smtp"),
    "old": (("-e",), "relayed", None, "smtp"),
    "alone": (("-p",), "relayed", None, "smtp"),
    "pix": (("-P",), "relayed", None, "smtp"),
    "slow": (("-p", "-W", "rcpt:1"), "relayed", None, "smtp"),
    "seven": (("-8",), "relayed", None, "smtp"),
    "lmtp": (("-L",), "relayed", None, "lmtp"),
    "lmtp-4xx": (("-L", "-r", "."), "deferred", "busy", "lmtp"),
}


class World:
    def __init__(self, stack, folder):
        enter = stack.enter_context
        self.certificates = Certificates(folder / "certificates", host="127.0.0.1")
        good = (self.certificates.path("good"), self.certificates.key("good"))
        self.server = Server(settings=SETTINGS, expected_events=("alarm",))
        self.authority = folder / "siegel.pem"
        self.server.init()
        stack.callback(self.server.clean)
        self.authority.write_bytes((self.server.folder / "keys" / "tls.crt").read_bytes())
        self.exim = enter(Exim("exim.test", good, relay=(self.server.port("smtp"), self.authority), login=True))
        self.smtpd = enter(Smtpd("smtpd.test"))
        self.postfix = enter(Postfix("postfix.test", more=("smtpd_discard_ehlo_keywords = 8bitmime, chunking, dsn, smtputf8",)))
        self.dovecot = enter(Dovecot(lmtp=True))
        self.sinks = {name: enter(Sink(*case[0])) for name, case in SINKS.items()}
        ways = {"exim.test": {"port": self.exim.port, "tls": "verify", "auth": "exim"},
                "smtpd.test": {"port": self.smtpd.port, "tls": "none"}, "postfix.test": {"port": self.postfix.port, "tls": "may"},
                "dovecot.test": {"port": self.dovecot.lmtp, "tls": "none", "protocol": "lmtp"}}
        ways |= {f"{name}.sink.test": {"port": sink.port, "tls": "none", "protocol": SINKS[name][3]} for name, sink in self.sinks.items()}
        table = " ".join(f"{domain}/{key}={value}" for domain, way in ways.items() for key, value in {"host": "127.0.0.1", **way}.items())
        self.server.settings += [f"routes.table={table}", f"sender.ca_extra={self.certificates.folder}/ca.pem"]
        logins = self.server.folder / "route-logins"
        logins.write_text("exim route-login route-secret\n")
        logins.chmod(0o600)
        self.server.start()
        stack.push(self.server.__exit__)
        self.server.account("kx-anna")

    def client(self):
        client = Smtp.to(self.server, "submissions")
        assert client.login("kx-anna", PASSWORD).code == 235
        return client

    def send(self, recipient, mark, body="dots", words=("", ""), client=None):
        """words: what stands behind MAIL and RCPT."""
        own = client or self.client()
        more, text = BODIES[body]
        mail, rcpt = words
        mail += " BODY=8BITMIME" if body == "eight" else ""
        message = (f"X-Mark: {mark}\r\nFrom: anna@example.test\r\nTo: you@there.test\r\nSubject: {mark}\r\n{more}"
                   f"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <{mark}@example.test>\r\n\r\n{text}").encode()
        for command in (f"MAIL FROM:<anna@example.test>{mail}", f"RCPT TO:<{recipient}>{rcpt}"):
            answer = own.command(command)
            assert answer.code == 250, answer
        answer = own.data(re.sub(rb"(?m)^\.", b"..", message))
        assert answer.code == 250, answer
        if client is None:
            own.close()
        return message

    def outcome(self, recipient):
        events = ("message_relayed", "message_deferred", "message_failed")
        entries = self.server.wait_for(lambda: [e for e in self.server.log() if e["event"] in events and e["recipient"] == recipient], PATIENCE)
        return entries[0]["event"].removeprefix("message_"), entries[0].get("cause")

    def inbox(self):
        client = Client(self.server.connect("imaps"))
        client.login("kx-anna", PASSWORD)
        client.ok("SELECT INBOX")
        found = [u[2][u[2].index("BODY[]") + 1] for u in client.ok("UID FETCH 1:* (BODY.PEEK[])").of("FETCH")]
        client.close()
        return found

    def arrived(self, mails, mark):
        """What stands behind the trace of that message, once it is there, with the line ends of the wire."""
        line = f"X-Mark: {mark}\n".encode()

        def look():
            found = [mail.replace(b"\r\n", b"\n") for mail in mails()]
            return [mail[mail.index(line):].replace(b"\n", b"\r\n") for mail in found if line in mail]
        return self.server.wait_for(look, PATIENCE)


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield World(stack, tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", ["exim", "smtpd", "dovecot"])
def test_to_the_byte(world, name, body):
    """As it left, whoever takes it: by BDAT under TLS with a login, by DATA, by LMTP."""
    mark = f"{name}-{body}"
    sent = world.send(f"you@{name}.test", mark, body)
    boxes = {"exim": lambda: [m for _, m in world.exim.mails()], "smtpd": lambda: [m for _, m in world.smtpd.mails()],
             "dovecot": lambda: [m for _, m in maildir(world.dovecot.folder / "mail")]}
    (got,) = world.arrived(boxes[name], mark)
    assert got == sent


def test_ways(world):
    """That they were what they are meant to be."""
    world.send("you@exim.test", "ways")
    world.arrived(lambda: [m for _, m in world.exim.mails()], "ways")
    log = world.exim.log_text()
    assert re.search(r"<= anna@example\.test .* P=esmtpsa .*A=plain:route-login .*K ", log), log[-2000:]
    assert "route-secret" not in log and "route-secret" not in world.server.log_text()
    reached = world.server.wait_for(lambda: [e for e in world.server.log("server_reached") if e["destination"] == "exim.test"])
    assert reached[0]["verified"] == "yes"


def test_dsn(world):
    """Exim tells Anna that it has delivered, in the words that left with the message."""
    world.send("you@exim.test", "dsn", words=(" RET=HDRS ENVID=QQ+2B314", " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;old@place.test"))
    told = world.server.wait_for(lambda: [m for m in world.inbox() if b"Original-Envelope-ID: QQ+2B314" in m], PATIENCE)
    assert len(told) == 1 and b"Action: delivered" in told[0] and b"rfc822;old@place.test" in told[0].replace(b"; ", b";")
    assert b"mx.exim.test" in told[0]


def test_nobody_there(world):
    world.send("no-one@exim.test", "nobody")
    assert world.outcome("no-one@exim.test") == ("failed", "recipient-unknown")
    world.server.wait_for(lambda: [m for m in world.inbox() if b"Subject: nobody" in m and b"nobody of that name" in m], PATIENCE)


def test_utf8(world):
    sent = world.send("jörg@exim.test", "utf8", "eight", (" SMTPUTF8", ""))
    (got,) = world.arrived(lambda: [m for _, m in world.exim.mails()], "utf8")
    assert got == sent and world.outcome("jörg@exim.test") == ("relayed", None)
    for domain in ("smtpd.test", "postfix.test"):
        world.send(f"jörg@{domain}", f"utf8-{domain}", "eight", (" SMTPUTF8", ""))
        assert world.outcome(f"jörg@{domain}") == ("failed", "capability")


def test_without_extensions(world):
    """Neither 8BITMIME nor CHUNKING nor DSN: the text is encoded, what was asked for is answered from here."""
    for body in BODIES:
        world.send(f"{body}@postfix.test", f"postfix-{body}", body, ("", " NOTIFY=SUCCESS"))
        assert world.outcome(f"{body}@postfix.test") == ("relayed", None)
    world.postfix.wait_for("to=<eight@postfix.test>")
    world.send("you@seven.sink.test", "seven-bits", "eight")
    (got,) = world.arrived(world.sinks["seven"].mails, "seven-bits")
    assert all(byte < 0x80 for byte in got)
    text = email.message_from_bytes(got, policy=email.policy.SMTP).get_content()
    assert text.splitlines() == BODIES["eight"][1].splitlines()
    assert len([m for m in world.server.wait_for(lambda: [m for m in world.inbox() if b"@postfix.test" in m][3:], PATIENCE)]) > 0


def test_one_connection_for_many(world):
    before = len([e for e in world.server.log("server_reached") if e["destination"] == "exim.test"])
    client = world.client()
    for number in range(40):
        world.send(f"many{number}@exim.test", f"many-{number}", client=client)
    client.close()
    world.server.wait_for(lambda: len({e["recipient"] for e in world.server.log("message_relayed") if e["recipient"].startswith("many")}) == 40, PATIENCE)
    assert len([e for e in world.server.log("server_reached") if e["destination"] == "exim.test"]) - before < 40
    assert len({m for m in world.exim.log_text().splitlines() if "<= anna@example.test" in m and "for many" in m}) == 40


def test_sinks(world):
    client = world.client()
    for name in SINKS:
        world.send(f"you@{name}.sink.test", f"sink-{name}", client=client)
    client.close()
    got = {name: world.outcome(f"you@{name}.sink.test") for name in SINKS}
    assert got == {name: (want, cause) for name, (_, want, cause, _) in SINKS.items()}


def test_exim_sends(world):
    """Mail that a program gives to Exim for our domain comes in by verified TLS, to the byte."""
    sent = {}
    with smtplib.SMTP("127.0.0.1", world.exim.port, timeout=60) as client:
        client.ehlo("client.test")
        for body, (more, text) in BODIES.items():
            mark = f"from-exim-{body}"
            sent[mark] = (f"X-Mark: {mark}\r\nFrom: me@elsewhere.test\r\nTo: anna@example.test\r\nSubject: {mark}\r\n{more}"
                          f"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <{mark}@elsewhere.test>\r\n\r\n{text}").encode()
            assert client.mail("me@elsewhere.test", ["BODY=8BITMIME"])[0] == client.rcpt("anna@example.test")[0] == 250
            assert client.docmd("DATA")[0] == 354
            client.send(re.sub(rb"(?m)^\.", b"..", sent[mark]) + b".\r\n")
            assert client.getreply()[0] == 250
    for mark, mail in sent.items():
        (got,) = world.arrived(world.inbox, mark)
        assert got == mail
    (whole,) = [m for m in world.inbox() if b"X-Mark: from-exim-dots" in m]
    assert re.search(rb"by mail\.example\.test with ESMTPS\s+\(TLSv1\.3 ", whole) and b"mx.exim.test" in whole

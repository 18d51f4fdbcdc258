# SPDX-License-Identifier: Apache-2.0
"""An edge without mailboxes in front of an inner server: a Siegel by SMTP and by LMTP, a Dovecot, a Postfix, one that lies.
What the inner server would refuse is refused at the edge, in the dialogue; what it cannot be asked about is not accepted."""
import contextlib
import json
import os
import pathlib
import re
import socket
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.dovecot import MAIL_UID, Dovecot  # noqa: E402
from harness.outside import Postfix  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

PATIENCE = 60
MESSAGE = b"From: you@elsewhere.test\r\nTo: anna@inner.test\r\nSubject: in\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n" \
          b"Message-ID: <%d@elsewhere.test>\r\n\r\nhello\r\n"


def route(port, domain="inner.test", **words):
    words = {"host": "127.0.0.1", "port": port, "tls": "none", **words}
    return " ".join(f"{domain}/{key}={value}" for key, value in words.items())


class Edge(Server):
    """An edge for inner.test, whose server is at that port."""

    def __init__(self, port, settings=(), more="", **words):
        super().__init__(settings=["routes.table=" + route(port, **words) + " " + more, "queue.retry_first=1s", "queue.retry_max=1s",
                                   "edge.answer_timeout=5s", *settings])

    def init(self):
        super().init()
        self.command("domain", "add", "inner.test", "--inner")

    def objects_of_check(self):
        """Its status is 1 when there are errors among what it finds; the settings of the tests are not in the file."""
        words = [word for setting in self.settings for word in ("--set", setting)]
        return [json.loads(line) for line in self.command("check", "--json", *words, check=False).stdout.splitlines()]

    def stranger(self):
        return Smtp.to(self, "smtp")

    def rcpt(self, recipient, parameters=""):
        """What a stranger is told of a recipient."""
        client = self.stranger()
        assert client.command(f"MAIL FROM:<you@elsewhere.test>{parameters}").code == 250
        reply = client.command(f"RCPT TO:<{recipient}>")
        client.close()
        return reply

    def send(self, recipient, message=MESSAGE):
        client = self.stranger()
        reply = client.envelope("you@elsewhere.test", recipient)
        if not reply.refused:
            reply = client.data(message)
        client.close()
        return reply




def inner_server(*settings):
    return Server(domain="inner.test", settings=settings)


def is_told(reply, code, status):
    return (reply.code, reply.text.split()[0]) == (code, status)


def large(size):
    return MESSAGE + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * (size // 72)


@pytest.mark.parametrize("protocol", ("smtp", "lmtp"))
def test_inner_siegel(protocol):
    with inner_server("smtp.message_max=1M") as inner:
        inner.account("kx-anna", "anna@inner.test")
        inner.account("kx-full", "full@inner.test")
        inner.command("account", "change", "kx-full", "--quota", "3K")
        with Edge(inner.port(protocol), tls="encrypt", protocol=protocol) as edge:
            assert edge.send("anna@inner.test").code == 250
            assert edge.send("full@inner.test", large(1500)).code == 250
            inner.wait_for(lambda: len(inner.log("message_delivered")) == 2, timeout=PATIENCE)
            assert all(e["tls"].startswith("TLS") for e in edge.logged("server_reached"))
            assert is_told(edge.rcpt("nobody@inner.test"), 550, "5.1.1")
            edge.wait_for(lambda: is_told(edge.rcpt("full@inner.test", " SIZE=2500"), 452, "4.2.2"), timeout=PATIENCE)
            assert is_told(edge.rcpt("anna@inner.test", " SIZE=2000000"), 552, "5.3.4")
            assert is_told(edge.send("anna@inner.test", large(2000000)), 552, "5.3.4")
            # In one dialogue, together with what is not for the inner server.
            client = edge.stranger()
            client.send("MAIL FROM:<you@elsewhere.test>\r\nRCPT TO:<nobody@inner.test>\r\nRCPT TO:<postmaster@example.test>\r\n"
                        "RCPT TO:<anna@inner.test>\r\nRCPT TO:<x@elsewhere.test>\r\nDATA\r\n")
            assert [client.reply().code for _ in range(6)] == [250, 550, 250, 250, 550, 354]
            client.send(MESSAGE + b".\r\n")
            assert client.reply().code == 250
            client.close()
            inner.wait_for(lambda: len(inner.log("message_delivered")) == 3, timeout=PATIENCE)
            edge.wait_for(lambda: edge.objects("queue", "list") == [], timeout=PATIENCE)
            assert not edge.log("notice_made") and not inner.log("notice_made")


def test_inner_server_away():
    """With it away nothing is accepted; when it is back all goes on by itself."""
    with inner_server() as inner:
        inner.account("kx-anna", "anna@inner.test")
        with Edge(inner.port("smtp"), settings=["edge.alarm_after=1s"]) as edge:
            assert edge.rcpt("anna@inner.test").code == 250
            inner.stop()
            edge.wait_for(lambda: is_told(edge.rcpt("anna@inner.test"), 451, "4.4.1"), timeout=PATIENCE)
            assert is_told(edge.send("anna@inner.test"), 451, "4.4.1")
            assert edge.objects("queue", "list") == []
            assert edge.wait_for(lambda: edge.log("inner_failed"))[0]["domain"] == "inner.test"
            edge.wait_for(lambda: edge.rcpt("anna@inner.test").code == 451 and edge.log("inner_away"), timeout=PATIENCE)
            inner.start()
            edge.wait_for(lambda: edge.rcpt("anna@inner.test").code == 250, timeout=PATIENCE)
            edge.wait_for(lambda: edge.log("inner_back"), timeout=PATIENCE)
            assert edge.send("anna@inner.test").code == 250
            inner.wait_for(lambda: inner.log("message_delivered"), timeout=PATIENCE)
            assert len(edge.log("inner_away")) == 1


def test_what_is_remembered():
    with inner_server() as inner, Edge(inner.port("smtp"), settings=["edge.remember_unknown=5m"]) as edge:
        assert edge.rcpt("berta@inner.test").code == 550
        inner.account("kx-berta", "berta@inner.test")
        assert edge.rcpt("berta@inner.test").code == 550
        assert edge.objects("domain", "forget", "inner.test") == [{"forgotten": 1}]
        assert edge.rcpt("berta@inner.test").code == 250


def test_check_finds_contradictions():
    with Edge(1) as edge:
        edge.command("domain", "add", "forgotten.test", "--inner")
        found = {f["subject"]: f for f in edge.objects_of_check()}
        assert "routes names no host" in found["forgotten.test"]["finding"]
        assert "inner.test" not in found
        assert is_told(edge.rcpt("anna@forgotten.test"), 451, "4.4.1")


# What an inner server might say to RCPT; what the client must hear.
LIES = {
    "nonsense": (b"I am a teapot\r\n", 451),
    "go on": (b"354 go on\r\n", 451),
    "codes that differ": (b"250-yes\r\n550 no\r\n", 451),
    "endless lines": (b"250-yes\r\n" * 5000, 451),
    "a line without end": (b"250 " + b"y" * 200000, 451),
    "forged lines": (b"550 5.7.1 no\x00\x1b[2J\xff\r\n", 550),
    "silence": (b"", 451),
    "slow": (None, 451),
}


class Liar:
    """with Liar() as l: at l.port a server that is well behaved up to RCPT, and then says l.lie."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.lie, self.over = self.listener.getsockname()[1], b"", threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, kind, value, trace):
        self.over.set()
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 liar ESMTP\r\n")
            for line in lines:
                if not line.startswith(b"RCPT"):
                    connection.sendall(b"250 ok\r\n")
                elif callable(self.lie):
                    connection.sendall(self.lie())
                elif self.lie is not None:
                    connection.sendall(self.lie)
                else:
                    while not self.over.wait(0.5):
                        connection.sendall(b"2")


def test_hostile_inner_server():
    with Liar() as liar, Edge(liar.port, settings=["edge.answer_timeout=2s"]) as edge:
        for i, (name, (lie, code)) in enumerate(LIES.items()):
            edge.command("domain", "forget")
            liar.lie = lie
            reply = edge.rcpt(f"victim{i}@inner.test")
            assert reply.code == code, (name, reply)
            assert reply.text.isprintable() and len(reply.lines) == 1, (name, reply)
        liar.lie = b"250 ok\r\n"
        edge.command("domain", "forget")
        assert edge.rcpt("victim@inner.test").code == 250
        assert edge.objects("queue", "list") == []


def test_a_question_outlives_a_reload():
    """What an inner server was asked before is answered to who waits for it, and the new patience is for the next question."""
    with Liar() as liar, Edge(liar.port, settings=["edge.remember_unknown=1h"]) as edge:
        asked, answered = threading.Event(), threading.Event()

        def answer():
            asked.set()
            assert answered.wait(PATIENCE)
            return b"550 5.1.1 none\r\n"
        liar.lie = answer
        client = edge.stranger()
        client.send("MAIL FROM:<you@elsewhere.test>\r\nRCPT TO:<slow@inner.test>\r\nRCPT TO:<anna-news@example.test>\r\n")
        assert asked.wait(PATIENCE)
        edge.account("kx-anna", "anna@example.test")
        edge.conf.write_text(edge.conf.read_text() + "accounts:\n  subaddress_separator: \"-\"\n")
        edge.command("reload")
        answered.set()
        assert [client.reply().code for _ in range(3)] == [250, 550, 250]
        client.close()


class Mailboxes(Dovecot):
    """Users of a file, mail by LMTP, one message in each mailbox and at most 20 KiB."""

    def configuration(self):
        uid = MAIL_UID if os.getuid() == 0 else os.getuid()
        gid = MAIL_UID if os.getuid() == 0 else os.getgid()
        users = self.folder / "users"
        users.write_text("".join(f"{name}::{uid}:{gid}::{self.folder}/mail/{name}::userdb_quota_rule=*:{rule}\n"
                                 for name, rule in (("anna", "storage=1G"), ("small", "storage=20K"), ("one", "messages=1"))))
        text = re.sub(r"userdb \{.*?\n\}\n", f"userdb {{\n  driver = passwd-file\n  args = {users}\n}}\n", super().configuration(), flags=re.S)
        return text + "mail_plugins = quota\nplugin {\n  quota = count:User quota\n  quota_vsizes = yes\n  quota_grace = 0\n}\n" \
                      "lmtp_rcpt_check_quota = yes\n"


def test_dovecot():
    """Its quota is asked for at RCPT; what it refuses behind the message for all that is held, and nobody outside is told."""
    with Mailboxes(lmtp=True) as dovecot, Edge(dovecot.lmtp, protocol="lmtp", settings=["edge.remember_taken=0s"]) as edge:
        assert is_told(edge.rcpt("nobody@inner.test"), 550, "5.1.1")
        assert edge.send("anna@inner.test").code == 250
        assert edge.send("one@inner.test").code == 250
        edge.wait_for(lambda: len(edge.log("message_relayed")) == 2, timeout=PATIENCE)
        assert is_told(edge.rcpt("one@inner.test"), 552, "5.2.2")
        assert edge.rcpt("anna@inner.test").code == 250
        assert edge.send("small@inner.test", large(40000)).code == 250
        held = edge.wait_for(lambda: [q for q in edge.objects("queue", "list") if q["state"] == "held"], timeout=PATIENCE)
        shown = edge.objects("queue", "show", held[0]["id"])[1]
        assert shown["recipient"] == "small@inner.test" and "Quota exceeded" in shown["reason"]
        alarm = edge.wait_for(lambda: edge.log("alarm"), timeout=PATIENCE)[0]
        assert alarm["kind"] == "message_failed" and alarm["cause"] == "mailbox-full" and "queue release" in alarm["advice"]
        assert not edge.log("notice_made")
        edge.command("queue", "delete", "--id", held[0]["id"])
        assert edge.objects("queue", "list") == []


@pytest.mark.skipif(os.getuid() != 0, reason="Postfix runs its programs as several users, which needs root")
def test_postfix():
    with Postfix("inner.test", more=["message_size_limit = 20000"]) as postfix, Edge(postfix.port) as edge:
        assert is_told(edge.rcpt("nobody@inner.test"), 550, "5.1.1")
        assert is_told(edge.rcpt("anna@inner.test", " SIZE=30000"), 552, "5.3.4")
        assert is_told(edge.send("anna@inner.test", large(30000)), 552, "5.3.4")
        assert edge.send("anna@inner.test").code == 250
        postfix.wait_for("to=<anna@inner.test>", timeout=PATIENCE)
        edge.wait_for(lambda: edge.objects("queue", "list") == [], timeout=PATIENCE)


@pytest.mark.skipif(os.getuid() != 0, reason="Postfix runs its programs as several users, which needs root")
def test_out_through_the_edge():
    """The inner server's own mail leaves by the edge, which takes it from its network."""
    with Postfix("remote.test") as postfix, inner_server() as inner, \
         Edge(inner.port("smtp"), more=route(postfix.port, "remote.test"), settings=["relay.relay_networks=127.0.0.1"]) as edge:
        inner.account("kx-anna", "anna@inner.test")
        inner.stop()
        inner.settings.append("routes.table=" + route(edge.port("smtp"), "*", tls="encrypt"))
        inner.start()
        client = Smtp.to(inner, "submissions")
        assert client.login("kx-anna", PASSWORD).code == 235
        assert client.envelope("anna@inner.test", "you@remote.test").code == 250
        assert client.data(MESSAGE.replace(b"you@elsewhere", b"anna@inner")).code == 250
        client.close()
        postfix.wait_for("to=<you@remote.test>", timeout=PATIENCE)
        edge.wait_for(lambda: edge.objects("queue", "list") == [], timeout=PATIENCE)
        # Whom nobody knows there: Anna is told, in her mailbox inside, and nobody else.
        client = Smtp.to(inner, "submissions")
        assert client.login("kx-anna", PASSWORD).code == 235
        assert client.envelope("anna@inner.test", "nobody@remote.test").code == 250
        assert client.data(MESSAGE.replace(b"you@elsewhere", b"anna@inner")).code == 250
        client.close()
        inner.wait_for(lambda: inner.log("message_delivered"), timeout=PATIENCE)
        assert [e["sender"] for e in edge.logged("notice_made")] == ["anna@inner.test"]
        edge.wait_for(lambda: edge.objects("queue", "list") == [], timeout=PATIENCE)

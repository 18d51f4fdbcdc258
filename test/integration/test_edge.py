# SPDX-License-Identifier: Apache-2.0
"""An edge without mailboxes in front of an inner server: a Siegel by SMTP and by LMTP, a Dovecot, a Postfix, one that lies.
What the inner server would refuse is refused at the edge, in the dialogue; what it cannot be asked about is not accepted."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
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

    def __init__(self, port, settings=(), **words):
        super().__init__(settings=["routes.table=" + route(port, **words), "queue.retry_first=1s", "queue.retry_max=1s",
                                   "edge.answer_timeout=5s", *settings])

    def init(self):
        super().init()
        self.command("domain", "add", "inner.test", "--inner")

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


def test_inner_siegel():
    with inner_server() as inner:
        inner.account("kx-anna", "anna@inner.test")
        with Edge(inner.port("smtp"), tls="encrypt") as edge:
            assert edge.send("anna@inner.test").code == 250
            inner.wait_for(lambda: inner.log("message_delivered"), timeout=PATIENCE)
            reply = edge.send("nobody@inner.test")
            assert (reply.code, reply.text[:5]) == (550, "5.1.1"), reply

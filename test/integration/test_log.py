# SPDX-License-Identifier: Apache-2.0
"""What stands in the log: a message from its session to its mailbox, and no person's name where pseudonyms are asked for."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.imap import Client  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

PERSONS = re.compile(r"(?i)anna|bert|elsewhere\.test|127\.0\.0\.1")


def use(server):
    """Everything that names people. The number of the message that was accepted."""
    server.account("kx-anna")
    server.command("account", "add", "kx-bert", "--address", "bert@example.test", "--name", "Bert Brown", "--quota", "2G")
    server.command("alias", "add", "team@example.test", "anna@example.test")
    server.command("account", "suspend", "kx-bert")
    server.command("account", "show", "kx-nobert", check=False)
    client = Smtp.to(server)
    assert client.envelope("bert@elsewhere.test", "anna@elsewhere.test").code == 550
    assert client.command("RCPT TO:<noanna@example.test>").code == 550
    assert client.command("RSET").code == 250
    assert client.envelope("bert@elsewhere.test", "anna@example.test").code == 250
    number = client.data(b"Subject: x\r\n\r\nx\r\n").text.split()[-1]
    client.command("QUIT")
    client = Client(server.connect("imaps"))
    client.login("kx-anna", PASSWORD)
    client.ok("SELECT INBOX")
    client.close()
    server.wait_for(lambda: [e for e in server.log("message_delivered") if e["message"] == number])
    server.command("queue", "list", "--sender", "bert@elsewhere.test")
    server.wait_for(lambda: len(server.log("connection_closed")) >= 2)
    return number


def test_a_message_is_followed_through_all():
    with Server() as server:
        number = use(server)
        events = [(e["event"], e["role"]) for e in server.objects("log", "trace", number)]
        assert events[0] == ("connection_opened", "receiver-smtp")
        assert set(events) == {("connection_opened", "receiver-smtp"), ("message_accepted", "queue"),
                               ("message_delivered", "mailbox"), ("connection_closed", "receiver-smtp")}
        accepted = server.logged("message_accepted")[0]
        assert accepted["client"] == "127.0.0.1" and accepted["sender"] == "bert@elsewhere.test"


def test_pseudonyms():
    with Server(settings=["log.addresses=pseudonym"]) as server:
        use(server)
        named = [line for line in server.log_text().splitlines() if PERSONS.search(line)]
        # Networks are what the administrator has to decide about, and are nobody's name.
        assert not [line for line in named if '"relay_network"' not in line], "\n".join(named)

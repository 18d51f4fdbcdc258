# SPDX-License-Identifier: Apache-2.0
"""The brake of a stolen account: above its limits nothing is refused, what goes out is held, and those concerned are told."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.imap import Client  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.sink import Sink  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

MOST = 3


def send(server, *recipients):
    client = Smtp.to(server, "submissions")
    assert not client.login("kx-anna", PASSWORD).refused
    for recipient in recipients:
        assert not client.envelope("anna@example.test", recipient).refused
        assert not client.data(f"From: anna@example.test\r\nSubject: to {recipient}\r\n\r\nx\r\n".encode()).refused
    client.close()


def inbox(server, login):
    client = Client(server.connect("imaps"))
    client.login(login, PASSWORD)
    client.ok("SELECT INBOX")
    found = [u[2][u[2].index("BODY[]") + 1] for u in client.ok("UID FETCH 1:* (BODY.PEEK[])").of("FETCH")]
    client.close()
    return found


def state(server):
    account, = [a for a in server.objects("account", "list") if a["login"] == "kx-anna"]
    return account["state"]


def test_held_told_and_released():
    with Sink() as sink:
        table = f"remote.test/host=127.0.0.1 remote.test/port={sink.port} remote.test/tls=none"
        with Server(settings=[f"routes.table={table}", f"accounts.sent_per_hour={MOST}"]) as server:
            server.account("kx-anna")
            server.account("kx-bert")
            server.command("alias", "add", "postmaster@example.test", "bert@example.test")
            assert state(server) == "active"
            send(server, *(f"r{n}@remote.test" for n in range(MOST + 2)), "bert@example.test")
            server.wait_for(lambda: len(sink.taken) == MOST)
            held = server.objects("queue", "list", "--domain", "remote.test")
            assert [(m["recipients"], m["state"]) for m in held] == [([f"r{n}@remote.test"], "braked") for n in (MOST, MOST + 1)]
            server.wait_for(lambda: [m for m in inbox(server, "kx-bert") if b"to bert@example.test" in m])  # inside it goes on

            told, = server.wait_for(lambda: inbox(server, "kx-anna"))
            assert b"held until your\r\nadministrator releases it" in told and "Ihre Administration".encode() in told
            alarm, = server.log("account_braked")
            assert alarm["login"] == "kx-anna" and alarm["limit"] == "accounts.sent_per_hour"  # what account release wants
            assert state(server) == "braked"
            assert "account_braked" in [a["alarm"] for a in server.objects("alarm", "list")]
            line, = [a for a in server.command("alarm", "list").stdout.splitlines() if " account_braked " in a]
            assert "; login: kx-anna; " in line and "; advice: if its owner did not send this, " in line and "{" not in line

            server.command("account", "release", "kx-anna")
            server.wait_for(lambda: sorted(sink.taken) == [f"r{n}@remote.test" for n in range(MOST + 2)])
            assert state(server) == "active" and inbox(server, "kx-anna") == [told]
            send(server, "again@remote.test")
            server.wait_for(lambda: "again@remote.test" in sink.taken)  # counting began anew

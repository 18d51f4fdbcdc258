# SPDX-License-Identifier: Apache-2.0
"""Many at once: senders, and readers of the same two mailboxes who append, flag, search, copy and wait. Every message
arrives once, and a build that looks for data races finds none."""
import concurrent.futures
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.imap import Client  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

SENDERS, READERS, ROUNDS = 4, 2, 5
LOGINS = ("kx-anna", "kx-bert")
LARGE = 5000  # lines: more than a message that is kept in the row of its envelope


@pytest.fixture(scope="module")
def server():
    with Server() as s:
        for login in LOGINS:
            s.account(login)
        yield s


def text(subject, lines=20):
    return f"From: somebody@elsewhere.test\r\nSubject: {subject}\r\n\r\n".encode() + b"a line of text\r\n" * lines


def send(server, number):
    client = Smtp.to(server)
    for i in range(ROUNDS):
        assert client.envelope("somebody@elsewhere.test", *server.accounts.values()).code == 250
        assert client.data(text(f"sent-{number}-{i}", LARGE if i == 0 else 20)).code == 250
    assert client.command("QUIT").code == 221
    client.close()


def open_inbox(server, login):
    client = Client(server.connect("imaps"))
    client.login(login, PASSWORD)
    client.ok("SELECT INBOX")
    return client


def read(server, login, number):
    client = open_inbox(server, login)
    folder = f"Folder-{number}"
    client.ok(f"CREATE {folder}")
    for i in range(ROUNDS):
        client.ok("APPEND INBOX (\\Seen) {}", text(f"appended-{number}-{i}"))
        client.ok("NOOP")
        client.ok("UID FETCH 1:* (FLAGS RFC822.SIZE ENVELOPE)")
        client.ok(f"UID STORE 1:* +FLAGS (\\Flagged reader{number})")
        found = client.ok("UID SEARCH SUBJECT appended").of("SEARCH")[0][1:]
        assert found, "what was appended before is found"
        client.ok(f"UID COPY {found[-1]} {folder}")
        client.ok(f"STATUS {folder} (MESSAGES UIDNEXT)")
        client.idle()
        client.end_idle()
    client.ok("LOGOUT")
    client.close()


def count(server, login):
    client = open_inbox(server, login)
    subjects = [len(client.ok(f"SEARCH SUBJECT {word}").of("SEARCH")[0][1:]) for word in ("sent", "appended")]
    client.ok("UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    client.close()
    return subjects


def test_everything_at_once(server):
    with concurrent.futures.ThreadPoolExecutor(SENDERS + READERS * len(LOGINS)) as pool:
        jobs = [pool.submit(send, server, number) for number in range(SENDERS)]
        jobs += [pool.submit(read, server, login, number) for number in range(READERS) for login in LOGINS]
        for job in jobs:
            job.result()
    server.wait_for(lambda: server.objects("queue", "list") == [])
    for login in LOGINS:
        assert count(server, login) == [SENDERS * ROUNDS, READERS * ROUNDS], login

# SPDX-License-Identifier: Apache-2.0
"""A full disk and damaged stores: what was accepted is not lost, only what is hit suffers, and somebody is told."""
import contextlib
import imaplib
import os
import pathlib
import smtplib
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from crash import look  # noqa: E402
from crash.load import Imap  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402

LOGINS = ("kx-anna", "kx-bert")
SETTINGS = ["queue.retry_first=1", "queue.retry_max=2", "mailbox.linger=1", "smtp.errors_max=1000"]
DAMAGE = ["store_damaged", "store_failed", "process_died"]


def text_of(subject, size):
    return (f"Subject: {subject}\r\n\r\n" + f"{subject:x<70}\r\n" * (size // 72 + 1)).encode()


def send(server, login, subject, size=500):
    """The code of the last answer."""
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60) as client:
        client.ehlo()
        client.mail("a@example.net")
        code, _ = client.rcpt(server.accounts[login])
        if code != 250:
            return code
        code, _ = client.data(text_of(subject, size))
        return code


def subjects(server, login, folder="INBOX"):
    with Imap(server) as imap:
        imap.login(login, PASSWORD)
        imap.look_into(folder)
        return [data.decode().split(":", 1)[1].strip() for _, _, data in imap.rows()]


def whole(server, login):
    """The messages of INBOX, byte for byte."""
    with imaplib.IMAP4("127.0.0.1", server.port("imap")) as session:
        session.login(login, PASSWORD)
        session.select()
        for item in session.uid("FETCH", "1:*", "BODY.PEEK[]")[1]:
            if isinstance(item, tuple):
                yield item


def scribble(path, begin=0.0, end=1.0):
    """Writes over a part of every page between two places of the file."""
    size = path.stat().st_size
    with open(path, "r+b") as f:
        for page in range(int(size * begin) // 4096, int(size * end) // 4096):
            f.seek(page * 4096)
            f.write(os.urandom(200))


def accounts_of(server):
    for login in LOGINS:
        server.account(login)
    return {login: server.folder / "accounts" / str(number) / "account.db" for login, number in look.account_numbers(server).items()}


@contextlib.contextmanager
def small_disk(mebibytes):
    base = tempfile.mkdtemp(prefix="siegel-full-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", base], check=True)
    try:
        yield pathlib.Path(base)
    finally:
        subprocess.run(["umount", "-l", base], check=True)
        os.rmdir(base)


def append(server, login, size):
    with Imap(server) as imap:
        imap.login(login, PASSWORD)
        return imap.append("Drafts", None, None, b"Subject: draft\r\n\r\n" + os.urandom(size // 2).hex().encode() + b"\r\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_full_disk():
    with small_disk(48) as base:
        settings = [*SETTINGS, "queue.free_min=8388608"]
        with Server(settings=settings, folder=base, expected_events=["store_failed"]) as server:
            accounts_of(server)
            assert send(server, "kx-anna", "before") == 250
            look.wait_until_empty(server)
            assert append(server, "kx-anna", 1000)[0] == "OK"
            ballast = base / "ballast"
            with open(ballast, "wb") as f, contextlib.suppress(OSError):
                while True:
                    f.write(bytes(1 << 16))
                    f.flush()
            codes = server.wait_for(lambda: (code := send(server, "kx-anna", "full")) != 250 and [code])
            assert codes == [452], codes
            kind, said = append(server, "kx-anna", 4_000_000)
            assert kind == "NO" and said[0].startswith(b"["), (kind, said)
            ballast.unlink()
            server.wait_for(lambda: send(server, "kx-anna", "after") == 250)
            look.wait_until_empty(server)
            assert append(server, "kx-anna", 1000)[0] == "OK"
            there = subjects(server, "kx-anna")
            assert there[0] == "before" and there[-1] == "after" and set(there) <= {"before", "full", "after"}, there
            server.wait_for(lambda: server.log("disk_full"))


def test_damaged_account():
    with Server(settings=SETTINGS, expected_events=DAMAGE) as server:
        stores = accounts_of(server)
        for login in LOGINS:
            assert send(server, login, "first") == 250
        look.wait_until_empty(server)
        server.stop()
        scribble(stores["kx-anna"])
        server.start()
        server.wait_for(lambda: send(server, "kx-anna", "second") == 451)
        assert send(server, "kx-bert", "second") == 250
        server.wait_for(lambda: subjects(server, "kx-bert") == ["first", "second"])
        server.wait_for(lambda: server.log("store_damaged"))
        server.wait_for(lambda: "store_damaged" in server.command("alarm", "list").stdout)


def test_damaged_queue():
    with Server(settings=SETTINGS, expected_events=DAMAGE) as server:
        stores = accounts_of(server)
        assert send(server, "kx-anna", "first") == 250
        look.wait_until_empty(server)
        server.stop()
        good = stores["kx-anna"].read_bytes()
        scribble(stores["kx-anna"])
        server.start()
        accepted = []
        while len(accepted) < 60 and send(server, "kx-anna", f"n{len(accepted)}") == 250:
            accepted.append(f"n{len(accepted)}")
        assert accepted
        server.stop()
        for name in ("account.db-wal", "damaged"):
            (stores["kx-anna"].parent / name).unlink(missing_ok=True)
        stores["kx-anna"].write_bytes(good)
        scribble(server.folder / "spool" / "queue.db", 0.6)
        server.start()
        assert send(server, "kx-bert", "second") == 250
        server.wait_for(lambda: subjects(server, "kx-bert") == ["second"])
        recovered = server.wait_for(lambda: server.log("store_recovered"))[0]
        look.wait_until_empty(server)
        there = [s for s in subjects(server, "kx-anna") if s in accepted]
        print(len(accepted), recovered)
        assert len(there) == len(set(there)) >= recovered["messages"] - 1, (there, recovered)
        assert list((server.folder / "spool").glob("salvaged-*.db"))


def test_queue_damaged_while_it_runs():
    with Server(settings=SETTINGS, expected_events=[*DAMAGE, "alarm"]) as server:
        folder = accounts_of(server)["kx-anna"].parent
        folder.mkdir()  # as it must not be, so that her mail waits
        folder.chmod(0o755)
        accepted = [i for i in range(150) if send(server, "kx-anna", f"n{i}", 60000) == 250]
        assert len(accepted) > 100, len(accepted)  # more than is kept in memory
        queue = server.roles()["siegel-queue"]
        for name in ("queue.db", "queue.db-wal"):
            scribble(server.folder / "spool" / name)
        folder.rmdir()  # what is delivered is looked up again, to be removed
        sent = []

        def is_noticed():
            subject = f"m{len(sent)}"
            if send(server, "kx-bert", subject) == 250:
                sent.append(subject)
            return server.log("store_damaged")

        server.wait_for(is_noticed)
        assert server.roles()["siegel-queue"] == queue
        assert "store_damaged" in server.command("alarm", "list").stdout
        server.wait_for(lambda: send(server, "kx-bert", "last") == 250)
        server.wait_for(lambda: subjects(server, "kx-bert")[-1:] == ["last"])
        server.wait_for(lambda: server.log("store_recovered"))
        server.wait_for(lambda: {m["state"] for m in server.objects("queue", "list")} <= {"held"})
        there = subjects(server, "kx-bert")
        assert len(there) == len(set(there)) and set(there) <= {*sent, "last"}, (there, sent)
        with Imap(server) as imap:  # hers were in the damaged file: some have come, some are not what they were
            imap.login("kx-anna", PASSWORD)
            imap.look_into("INBOX")
            rows = {data.decode().split(":", 1)[1].strip() for _, _, data in imap.rows()}
            assert len(rows) <= len(accepted) and rows <= {f"n{i}" for i in accepted}
            for uid, text in whole(server, "kx-anna"):  # or they wait for a person, but they do not come as something else
                subject = text.split(b"Subject: ", 1)[1].split(b"\r\n", 1)[0].decode()
                assert text.endswith(text_of(subject, 60000)), (uid, subject)
        assert list((server.folder / "spool").glob("salvaged-*.db"))


def test_damaged_directory():
    with Server(settings=SETTINGS, expected_events=DAMAGE) as server:
        accounts_of(server)
        server.stop()
        scribble(next(server.folder.rglob("directory.db")))
        with pytest.raises(AssertionError):
            server.start()
        server.process.wait(timeout=60)
        server.process = None
        said = (server.base / "stderr").read_text()
        assert "directory.db cannot be used: stored data is damaged" in said and "backup" in said, said

# SPDX-License-Identifier: Apache-2.0
"""Programs of this machine send by sendmail, as users who are no users of the server: by its command, through mail(1) and
swaks, and by hand. Who they are says the kernel."""
import concurrent.futures
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.imap import Client  # noqa: E402
from harness.server import PASSWORD, Server, build_folder  # noqa: E402
from harness.sink import Sink  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")

NOBODY, DAEMON, ROOT = 65534, 1, 0
TEMPFAIL, NOPERM, NOUSER, USAGE, DATAERR = 75, 77, 67, 64, 65
SETTINGS = ["local.senders=daemon=shop@example.test", "local.outside_per_hour=3"]


@pytest.fixture(scope="module")
def server():
    with Server(settings=SETTINGS) as s:
        os.chmod(s.base, 0o711)
        for name in ("sendmail", "mailq", "newaliases"):
            shutil.copy(build_folder() / "siegel", s.base / name)
            os.chmod(s.base / name, 0o755)
        s.account("kx-anna")
        s.account("kx-bert")
        yield s


def run(server, program, *words, user=NOBODY, input=b"", socket_path=None):
    path = socket_path or server.folder / "run" / "submit"
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", str(server.base / program), *words]
    return subprocess.run(command, input=input, capture_output=True, timeout=60, env={"SIEGEL_SUBMIT": str(path), "PATH": "/usr/bin:/bin"})


def inbox(server, login="kx-anna"):
    client = Client(server.connect("imaps"))
    client.login(login, PASSWORD)
    client.ok("SELECT INBOX")
    found = [u[2][u[2].index("BODY[]") + 1] for u in client.ok("UID FETCH 1:* (BODY.PEEK[])").of("FETCH")]
    client.close()
    return found


def arrived(server, mark, login="kx-anna"):
    """The one message that holds the mark, once it is there."""
    (found,) = server.wait_for(lambda: [m for m in inbox(server, login) if mark in m])
    return found


def test_as_cron_calls_it(server):
    mail = b"From: nobody (Cron Daemon)\nTo: anna\nSubject: Cron <nobody@here> mark-cron\nContent-Type: text/plain\n\nout\n.\nmore\n"
    done = run(server, "sendmail", "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "-t", input=mail)
    assert (done.returncode, done.stderr) == (0, b"")
    got = arrived(server, b"mark-cron")
    assert got.startswith(b"Return-Path: <nobody@mail.example.test>\r\nReceived: from localhost (uid 65534)")
    assert b"\r\nFrom: Cron Daemon <nobody@mail.example.test>\r\nTo: anna@mail.example.test\r\n" in got
    assert b"\r\nDate: " in got and b"\r\nMessage-ID: <" in got and got.endswith(b"\r\n\r\nout\r\n.\r\nmore\r\n")


def test_bcc_is_left_out(server):
    assert run(server, "sendmail", "-t", input=b"To: anna\nBcc: bert\nSubject: mark-bcc\n\nx\n").returncode == 0
    for login in ("kx-anna", "kx-bert"):
        assert b"bert" not in arrived(server, b"mark-bcc", login).lower().replace(b"for <bert", b"")


def test_a_dot_ends_what_is_typed(server):
    assert run(server, "sendmail", "anna", input=b"Subject: mark-dot\n\nbefore\n.\nafter\n").returncode == 0
    assert arrived(server, b"mark-dot").endswith(b"before\r\n")


@pytest.mark.parametrize("words, mail, status", [
    (["-f", "anna@example.test", "anna"], b"x\n", NOPERM),
    (["-f", "root", "anna"], b"x\n", NOPERM),
    (["anna"], b"From: anna@example.test\n\nx\n", NOPERM),
    (["anna"], b"From: nobody@mail.example.test\nSender: bert@example.test\n\nx\n", NOPERM),
    (["-f", "shop@example.test", "anna"], b"x\n", NOPERM),
    (["nosuch@example.test", "anna"], b"x\n", NOUSER),
    (["-t"], b"To: <broken\n\nx\n", DATAERR),
    (["-t"], b"Subject: nobody named\n\nx\n", USAGE),
    ([], b"x\n", USAGE),
    (["-bd"], b"", USAGE),
    (["-Z"], b"", USAGE),
])
def test_refused(server, words, mail, status):
    before = len(server.log("message_accepted"))
    done = run(server, "sendmail", *words, input=mail)
    assert done.returncode == status, done
    assert done.stderr.startswith(b"sendmail: ")
    assert b"account" not in done.stderr  # who calls has none
    assert len(server.log("message_accepted")) == before


def test_senders_that_are_allowed(server):
    mail = b"From: shop@example.test\nSubject: mark-shop\n\nx\n"
    assert run(server, "sendmail", "-f", "shop@example.test", "anna", user=DAEMON, input=mail).returncode == 0
    assert arrived(server, b"mark-shop").startswith(b"Return-Path: <shop@example.test>")
    assert run(server, "sendmail", "-f", "any@where.test", "anna", user=ROOT, input=b"From: any@where.test\nSubject: mark-root\n\nx\n").returncode == 0
    assert b"From: any@where.test\r\n" in arrived(server, b"mark-root")
    assert run(server, "sendmail", "-f", "<>", "anna", input=b"Subject: mark-null\n\nx\n").returncode == 0
    assert arrived(server, b"mark-null").startswith(b"Return-Path: <>")


def test_mailq_and_limit(server):
    """Mail for another server waits: nobody there answers. Each user sees his own."""
    for number in range(3):
        assert run(server, "sendmail", f"a{number}@elsewhere.invalid", user=DAEMON, input=b"x\n").returncode == 0
    done = run(server, "sendmail", "more@elsewhere.invalid", user=DAEMON, input=b"x\n")
    assert done.returncode == TEMPFAIL and b"kept nowhere" in done.stderr
    assert run(server, "sendmail", "inside", user=DAEMON, input=b"x\n").returncode == NOUSER  # only what goes out is limited
    own = run(server, "mailq", user=DAEMON)
    assert own.returncode == 0 and own.stdout.count(b"daemon@mail.example.test") == 3
    assert b"elsewhere.invalid" not in run(server, "mailq").stdout
    assert run(server, "mailq", user=ROOT).stdout.count(b"daemon@mail.example.test") == 3


def test_who_is_told_when_it_fails(server):
    """Mail of a local user that another server refuses does not vanish: whose address the sender is gets the notice."""
    server.command("alias", "add", "shop@example.test", "anna@example.test")
    with Sink(refused={"nobody@remote.test"}) as sink:
        settings = [f"routes.table=remote.test/host=127.0.0.1 remote.test/port={sink.port} remote.test/tls=none"]
        server.stop()
        server.settings += settings
        server.start()
        mail = b"Subject: mark-refused\n\nx\n"
        assert run(server, "sendmail", "-f", "shop@example.test", "nobody@remote.test", user=ROOT, input=mail).returncode == 0
        got = arrived(server, b"mark-refused")
        assert b"\r\nFinal-Recipient: rfc822; nobody@remote.test\r\nAction: failed\r\n" in got
        notice, = server.logged("notice_made")
        assert notice["sender"] == "shop@example.test" and sink.copies == []


def test_who_asks_is_told_of_a_delivery(server):
    """RFC 3461 5.2.3, but only to who logged in: a stranger who asks the same is told nothing, here or there."""
    for service, sender, subject in (("smtp", "stranger@elsewhere.test", "mark-strange"), ("submissions", "anna@example.test", "mark-told")):
        client = Smtp.to(server, service)
        if service == "submissions":
            assert not client.login("kx-anna", PASSWORD).refused
        assert not client.command(f"MAIL FROM:<{sender}> ENVID=QQ314").refused
        assert not client.command("RCPT TO:<bert@example.test> NOTIFY=SUCCESS ORCPT=rfc822;Bert@example.test").refused
        assert not client.data(f"From: {sender}\r\nSubject: {subject}\r\n\r\nx\r\n".encode()).refused
        client.close()
    got = arrived(server, b"mark-told")
    for part in (b"Subject: Delivered: mark-told", b"Original-Envelope-Id: QQ314", b"Original-Recipient: rfc822;Bert@example.test",
                 b"Final-Recipient: rfc822; bert@example.test\r\nAction: delivered\r\nStatus: 2.0.0"):
        assert b"\r\n" + part + b"\r\n" in got
    arrived(server, b"mark-strange", "kx-bert")
    server.wait_for(lambda: server.objects("queue", "list", "--domain", "example.test") == [])
    assert server.objects("queue", "list", "--recipient", "stranger@elsewhere.test") == []
    assert not [m for m in inbox(server) if b"mark-strange" in m]


def test_newaliases_and_flush(server):
    done = run(server, "newaliases")
    assert done.returncode == 0 and b"siegel alias import" in done.stdout
    assert run(server, "sendmail", "-q").returncode == 0


ALIASES = """\
# as Debian has it: a name may lead to one that stands further down
mailer-daemon: postmaster
postmaster: desk
desk: ops
ops: anna, bert@example.test
prog: "|/usr/bin/filter"
lost: nosuch
"""


def test_aliases_of_a_file(server):
    """Taken over whatever their order, named with line and reason where they cannot be, and no mistake the second time."""
    path = server.base / "aliases"
    path.write_text(ALIASES)
    for taken, there in ((5, 0), (0, 5)):
        done = server.command("alias", "import", str(path), check=False)
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1] == f"{taken} taken over, {there} there already, 2 not"
        assert done.stderr.splitlines() == ["siegel: line 6: prog to |/usr/bin/filter: a program cannot be a target",
                                            "siegel: line 7: lost to nosuch: a target is unknown"]
    assert run(server, "sendmail", "mailer-daemon", input=b"Subject: mark-further-down\n\nx\n").returncode == 0
    for login in ("kx-anna", "kx-bert"):
        arrived(server, b"mark-further-down", login)
    path.write_text("desk: ops\n")
    assert server.command("alias", "import", str(path)).stdout == "0 taken over, 1 there already, 0 not\n"


def test_smtp_through_it(server):
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", str(server.base / "sendmail"), "-bs"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"SIEGEL_SUBMIT": str(server.folder / "run" / "submit")}) as p:
        assert p.stdout.readline().startswith(b"220 ")
        for line, code in ((b"HELO x", b"250 "), (b"MAIL FROM:<bert@example.test>", b"553 5.7.1 "), (b"QUIT", b"221 ")):
            p.stdin.write(line + b"\r\n")
            p.stdin.flush()
            assert p.stdout.readline().startswith(code)
    assert p.returncode == 0


def test_mail_program(server):
    """Debian's mail(1), told where sendmail is."""
    settings = server.base / "mailrc"
    settings.write_text(f"set sendmail={server.base / 'sendmail'}\n")
    settings.chmod(0o644)
    env = {"SIEGEL_SUBMIT": str(server.folder / "run" / "submit"), "MAILRC": str(settings), "PATH": "/usr/bin:/bin", "HOME": "/"}
    subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "mail", "-s", "mark-mail", "anna"],
                   input=b"from mail\n", env=env, check=True, timeout=60)
    assert arrived(server, b"mark-mail").endswith(b"from mail\r\n")


def test_swaks(server):
    done = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "swaks", "--socket",
                           str(server.folder / "run" / "submit"), "--from", "nobody@mail.example.test", "--to", "anna@example.test",
                           "--h-Subject", "mark-swaks"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout
    arrived(server, b"mark-swaks")


def test_swaks_through_the_pipe(server):
    """sendmail -bs, as MTAs and their tests speak to it: pipelining, what a user may not be, and a clean end."""
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "swaks", "--pipe", f"{server.base / 'sendmail'} -bs",
               "--to", "anna@example.test", "--h-Subject", "mark-pipe"]
    env = {"SIEGEL_SUBMIT": str(server.folder / "run" / "submit"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([*command, "--from", "nobody@mail.example.test", "--pipeline"], capture_output=True, timeout=60, env=env)
    assert done.returncode == 0, done.stdout
    arrived(server, b"mark-pipe")
    done = subprocess.run([*command, "--from", "anna@example.test"], capture_output=True, timeout=60, env=env)
    assert done.returncode == 23 and b"553 5.7.1" in done.stdout, done.stdout  # swaks: MAIL was refused


# as whom, words, mail: PHP's mail() with headers of a script's own, mutt, git send-email, at, logwatch, a program of 1985
CALLERS = {
    "php": (["-t", "-i", "-fnobody@mail.example.test"], b"To: anna@example.test\nSubject: mark-php\nX-PHP-Originating-Script: 33:a.php\n"
            b"From: Shop <nobody@mail.example.test>\r\nX-Mailer: PHP\r\nContent-Type: text/plain; charset=utf-8\n\nGr\xc3\xbc\xc3\x9fe\n.\nend"),
    "mutt": (["-oem", "-oi", "-f", "nobody@mail.example.test", "--", "anna@example.test"], b"From: nobody@mail.example.test\nTo: anna@example.test\n"
             b"Subject: mark-mutt\n\nx\n.\nend\n"),
    "git": (["-i", "anna@example.test"], b"From: nobody@mail.example.test\nTo: anna@example.test\nSubject: mark-git\n\n.\nend\n"),
    "at": (["-i", "anna"], b"Subject: mark-at\nTo: anna\n\nend\n"),
    "logwatch": (["-t", "-oi"], b"To: anna\nFrom: logwatch <nobody@mail.example.test>\nSubject: mark-logwatch\nPrecedence: bulk\n\nend\n"),
    "old": (["anna"], b"just text, no header: mark-old\nend\n"),
    "crlf": (["-t", "-i"], b"To: anna\r\nSubject: mark-crlf\r\n\r\n.\r\nend\r\n"),
}


@pytest.mark.parametrize("caller", CALLERS)
def test_as_others_call_it(server, caller):
    words, mail = CALLERS[caller]
    done = run(server, "sendmail", *words, input=mail)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    got = arrived(server, b"mark-" + caller.encode())
    header, body = got.split(b"\r\n\r\n", 1)
    assert b"\r" not in got.replace(b"\r\n", b"") and b"\n" not in got.replace(b"\r\n", b"")
    assert header.startswith(b"Return-Path: <nobody@mail.example.test>\r\n") and header.count(b"\r\nFrom: ") == 1
    assert body.endswith(b"end\r\n") and body.count(b"\r\n.\r\n") + body.startswith(b".\r\n") == (b"\n.\n" in mail.replace(b"\r", b""))


def test_many_at_once(server):
    """As when cron starts everything on the hour; one of them is large."""
    def call(number):
        words = b"y" * 70 + b"\n"
        return run(server, "sendmail", "-i", "bert", input=b"Subject: mark-many-%d.\n\n" % number + words * (60000 if number == 7 else 1))

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert [done.returncode for done in pool.map(call, range(20))] == [0] * 20
    server.wait_for(lambda: sum(b"mark-many-" in mail for mail in inbox(server, "kx-bert")) == 20, timeout=60)


def test_the_socket_is_for_nothing_else(server):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(server.folder / "run" / "submit"))
        client = Smtp(s)
        hello = client.command("EHLO x.test")
        assert "STARTTLS" not in hello.text and "AUTH" not in hello.text
        assert client.command("STARTTLS").refused and client.command("AUTH PLAIN").refused


@pytest.mark.parametrize("verb", ["control", "ask"])
def test_commands_are_not_for_users(server, verb):
    """By the door for questions a user may ask nothing but for his own mail; by the other he cannot come in."""
    path = server.folder / "run"
    door = {"control": path / "control", "ask": path / "ask"}[verb]
    assert (door.stat().st_mode & 0o777) == (0o600 if verb == "control" else 0o666)


def test_the_spool_is_closed(server):
    for name in ("spool", "directory", "accounts", "keys"):
        done = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "ls", str(server.folder / name)],
                              capture_output=True)
        assert done.returncode != 0 and b"Permission denied" in done.stderr


def test_without_a_server(server, tmp_path):
    done = run(server, "sendmail", "anna", input=b"x\n", socket_path=server.base / "nothing" / "submit")
    assert done.returncode == TEMPFAIL and b"does not run" in done.stderr and b"kept nowhere" in done.stderr


def test_aliases_are_imported(server):
    path = server.base / "aliases"
    path.write_text("# here\nroot: anna,\n  bert\nprog: |/bin/true\nlist: :include:/etc/list\nfile: /dev/null\ninfo: root\n")
    done = server.command("alias", "import", str(path), check=False)
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines()] == ["root@example.test to anna@example.test", "root@example.test to bert@example.test",
                                                          "info@example.test to root@example.test", "3 taken over, 0 there already, 3 not"]
    assert [f"line {number}:" in done.stderr for number in (4, 5, 6)] == [True] * 3
    assert run(server, "sendmail", "root", input=b"Subject: mark-alias\n\nx\n").returncode == 0
    for login in ("kx-anna", "kx-bert"):
        arrived(server, b"mark-alias", login)


def test_group(tmp_path):
    """local.submit names a group: others cannot reach the socket."""
    with Server(settings=["local.submit=daemon"]) as s:
        os.chmod(s.base, 0o711)
        path = str(s.folder / "run" / "submit")
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
        for group, good in ((1, True), (NOBODY, False)):
            done = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={group}", "--clear-groups", "/usr/bin/python3", "-c", code],
                                  capture_output=True, cwd="/")
            assert (done.returncode == 0) == good, done.stderr
    with Server(settings=["local.submit=none"]) as s:
        assert not (s.folder / "run" / "submit").exists() and not (s.folder / "run" / "ask").exists()

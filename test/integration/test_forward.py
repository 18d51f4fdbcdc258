# SPDX-License-Identifier: Apache-2.0
"""Forwards to other servers: nothing leaves before the target agreed, what leaves has a sender of ours, what comes back is
counted, and nobody outside is ever told or flooded."""
import contextlib
import imaplib
import os
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.outside import Postfix  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.sink import Sink  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

LONG = 60  # seconds: a machine may be slow
HEADER = b"From: stranger@elsewhere.test\r\nTo: anna@example.test\r\nSubject: %s\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n" \
         b"Message-ID: <%s@elsewhere.test>\r\n"
SRS = re.compile(r"SRS0=[A-Z2-7]{9,15}=[A-Z2-7]{2}=elsewhere\.test=stranger@example\.test")
CODE = re.compile(rb"^    (\d+-[a-z0-9]{8})\r$", re.MULTILINE)
ANSWER = re.compile(rb"^Reply-To: <(FWD0=[A-Z2-7]+=[A-Z2-7]{2}@example\.test)>\r$", re.MULTILINE)


@contextlib.contextmanager
def outside(*settings, refused=(), **words):
    """A server of ours, the server of all other domains, and the one that stands for everybody who must get nothing."""
    with Sink(refused) as sink, Sink() as trap:
        table = [f"remote.test/host=127.0.0.1 remote.test/port={sink.port} remote.test/protocol=smtp remote.test/tls=none"]
        for domain in ("elsewhere.test", "example.test"):
            table += [f"{domain}/host=127.0.0.1 {domain}/port={trap.port} {domain}/tls=none"]
        with Server(settings=["queue.retry_first=1s", "queue.retry_max=1s", "routes.table=" + " ".join(table), *settings],
                    **words) as server:
            server.account("kx-anna")
            yield server, sink, trap
            assert trap.copies == []  # nobody outside hears of anything, and nothing leaves for our own domain


def message(subject, more=b""):
    return HEADER % (subject.encode(), subject.encode()) + more + b"\r\nhello\r\n"


def send(server, recipient, subject, more=b"", sender="stranger@elsewhere.test"):
    """The reply to RCPT, if it is a refusal, or to the message."""
    client = Smtp.to(server)
    reply = client.envelope(sender, recipient)
    if not reply.refused:
        reply = client.data(message(subject, more))
    client.close()
    return reply


def subjects(server, login="kx-anna"):
    """Of what is in the mailbox, sorted."""
    session = imaplib.IMAP4("127.0.0.1", server.port("imap"))
    with contextlib.closing(session.socket()):
        session.login(login, PASSWORD)
        found = []
        for folder in ("INBOX", "Junk"):
            session.select(folder, readonly=True)
            _, answer = session.search(None, "ALL")
            for number in answer[0].split():
                _, parts = session.fetch(number, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
                found.append(parts[0][1].decode().removeprefix("Subject:").strip())
        return sorted(found)


def wait_for_mail(server, *expected):
    server.wait_for(lambda: subjects(server) == sorted(expected), timeout=LONG)


def idle(server):
    """Nothing waits in the queue."""
    server.wait_for(lambda: server.objects("queue", "list") == [], timeout=LONG)


def state(server):
    return server.objects("forward", "list")


def asked(server, sink, index=0):
    """The mail that asks the target: its text."""
    server.wait_for(lambda: len(sink.copies) > index, timeout=LONG)
    return sink.copies[index].body


def confirmed(server, sink, index=0):
    code = CODE.search(asked(server, sink, index)).group(1).decode()
    server.command("forward", "confirm", code.upper())
    return len(sink.copies)


def test_nothing_leaves_before_the_target_agrees():
    with outside("accounts.language=de") as (server, sink, _trap):
        server.command("account", "forward", "kx-anna", "--to", "Anna.Privat@remote.test")
        letter = asked(server, sink)
        assert sink.copies[0].sender == "" and sink.copies[0].recipients == ["Anna.Privat@remote.test"]
        assert "Weiterleitung" in letter.decode() and b"anna@example.test" in letter
        assert send(server, "anna@example.test", "early").code == 250
        wait_for_mail(server, "early")
        idle(server)
        (forward,) = state(server)
        assert forward["state"] == "asked" and forward["target"] == "Anna.Privat@remote.test" and forward["keep"]
        # that any answer agrees, and until when, is said; and to whom asks twice that it was asked
        assert "gilt ihr\r\nals Ja. Am " + forward["code_until"][:10] + " verfällt" in letter.decode()
        refused = server.command("account", "forward", "kx-anna", "--to", "anna.privat@remote.test", check=False)
        assert refused.returncode == 1 and "whether its target has agreed" in refused.stderr
        # a wrong code is none, and too many of them make the right one worthless
        code = CODE.search(letter).group(1).decode()
        wrong = code[:-1] + ("a" if code[-1] != "a" else "b")
        for _ in range(5):
            refused = server.command("forward", "confirm", wrong, check=False)
            assert refused.returncode == 1 and "wrong or no longer good" in refused.stderr
        assert server.command("forward", "confirm", code, check=False).returncode == 1
        # two more codes a day, not three
        server.command("forward", "ask", "1")
        server.command("forward", "ask", "1")
        refused = server.command("forward", "ask", "1", check=False)
        assert refused.returncode == 1 and "enough codes today" in refused.stderr
        server.wait_for(lambda: len(sink.copies) == 3, timeout=LONG)
        confirmed(server, sink, 2)
        assert state(server)[0]["state"] == "active"
        assert send(server, "anna@example.test", "late").code == 250
        server.wait_for(lambda: len(sink.copies) == 4, timeout=LONG)
        wait_for_mail(server, "early", "late")
        got = sink.copies[3]
        assert SRS.fullmatch(got.sender) and got.recipients == ["Anna.Privat@remote.test"]
        assert b"Subject: late" in got.body and b"Return-Path" not in got.body and b"Siegel-Forward: " in got.body
        server.command("account", "forward", "kx-anna", "--remove", "anna.privat@REMOTE.test")
        assert state(server) == []
        assert send(server, "anna@example.test", "over").code == 250
        wait_for_mail(server, "early", "late", "over")
        idle(server)
        assert len(sink.copies) == 4


def test_an_answer_agrees_and_a_machine_does_not():
    with outside() as (server, sink, _trap):
        server.command("alias", "add", "info@example.test", "--to", "you@remote.test")
        answer = ANSWER.search(asked(server, sink)).group(1).decode()
        refused = send(server, "info@example.test", "early")
        assert refused.code == 450, refused
        assert send(server, answer, "x", sender="").code == 550  # a notice is nobody's consent
        forged = answer.replace("FWD0=", "FWD0=A", 1)
        assert send(server, forged, "x", sender="you@remote.test").code == 550
        assert send(server, answer, "away", b"Auto-Submitted: auto-replied\r\n", sender="you@remote.test").code == 250
        idle(server)
        assert state(server)[0]["state"] == "asked"
        assert send(server, answer.lower(), "yes", sender="you@remote.test").code == 250
        server.wait_for(lambda: state(server)[0]["state"] == "active", timeout=LONG)
        assert send(server, answer, "once more", sender="you@remote.test").code == 550  # it is used
        assert send(server, "info@example.test", "now").code == 250
        server.wait_for(lambda: len(sink.copies) == 2, timeout=LONG)
        assert SRS.fullmatch(sink.copies[1].sender)
        server.command("alias", "remove", "info@example.test")
        assert state(server) == []
        assert send(server, "info@example.test", "gone").code == 550


def test_spam_stays():
    spam = b"X-Spam-Flag: YES\r\n"
    with outside("forward.spam_flag_from=127.0.0.1") as (server, sink, _trap):
        server.command("account", "forward", "kx-anna", "--to", "anna@remote.test", "--no-keep")
        server.command("alias", "add", "info@example.test", "you@remote.test")
        server.wait_for(lambda: len(sink.copies) == 2, timeout=LONG)
        confirmed(server, sink, 0)
        confirmed(server, sink, 1)
        assert send(server, "anna@example.test", "spam", spam).code == 250
        wait_for_mail(server, "spam")
        refused = send(server, "info@example.test", "spam", spam)
        assert refused.code == 550 and "spam" in refused.text
        assert send(server, "anna@example.test", "good").code == 250
        server.wait_for(lambda: len(sink.copies) == 3, timeout=LONG)
        idle(server)
        assert subjects(server) == ["spam"]  # no copy of the other one was to stay
        assert b"Subject: good" in sink.copies[2].body
        server.wait_for(lambda: [e["reason"] for e in server.log("forward_kept")] == ["it is spam"], timeout=LONG)
    with outside() as (server, sink, _trap):  # the flag of a stranger means nothing
        server.command("account", "forward", "kx-anna", "--to", "anna@remote.test")
        confirmed(server, sink)
        assert send(server, "anna@example.test", "flagged", spam).code == 250
        server.wait_for(lambda: len(sink.copies) == 2, timeout=LONG)


def test_a_loop_ends_at_once():
    with outside() as (server, sink, _trap):
        server.command("account", "forward", "kx-anna", "--to", "anna@remote.test")
        server.command("alias", "add", "info@example.test", "anna@remote.test")
        server.wait_for(lambda: len(sink.copies) == 2, timeout=LONG)
        confirmed(server, sink, 0)
        confirmed(server, sink, 1)
        assert send(server, "anna@example.test", "round").code == 250
        server.wait_for(lambda: len(sink.copies) == 3, timeout=LONG)
        copy = sink.copies[2]
        # as it is when the other server forwards with our sender, and with one of its own
        for sender in (copy.sender, "SRS0=x=y=z=a@remote.test"):
            client = Smtp.to(server)
            assert client.envelope(sender, "anna@example.test").code == 250
            assert client.data(copy.body).code == 250
            client.close()
        wait_for_mail(server, "round", "round", "round")
        idle(server)
        assert len(sink.copies) == 3
        # by another forward it may go, and then not once more
        client = Smtp.to(server)
        assert client.envelope("SRS0=x=y=z=a@remote.test", "info@example.test").code == 250
        assert client.data(copy.body).code == 250
        server.wait_for(lambda: len(sink.copies) == 4, timeout=LONG)
        assert client.envelope("SRS0=x=y=z=a@remote.test", "info@example.test").code == 250
        assert client.data(sink.copies[3].body).code == 554
        assert client.envelope(sink.copies[3].sender, "info@example.test").code == 554
        client.close()
        # two forwards cannot lead to each other here
        server.account("kx-bert")
        refused = server.command("account", "forward", "kx-anna", "--to", "bert@example.test", check=False)
        assert refused.returncode == 1 and "the target is ours" in refused.stderr
        # and a domain that becomes ours gets its mail here
        server.command("domain", "add", "remote.test")
        server.command("alias", "add", "anna@remote.test", "bert@example.test")
        assert send(server, "info@example.test", "inside").code == 250
        server.wait_for(lambda: subjects(server, "kx-bert") == ["inside"], timeout=LONG)
        idle(server)
        assert len(sink.copies) == 4


def test_failures_are_counted_and_the_mail_stays():
    with outside("forward.failures_max=2") as (server, sink, _trap):
        server.command("account", "forward", "kx-anna", "--to", "anna@remote.test", "--no-keep")
        confirmed(server, sink)
        sink.refused.add("anna@remote.test")
        assert send(server, "anna@example.test", "one").code == 250
        wait_for_mail(server, "one")
        server.wait_for(lambda: state(server)[0]["failures"] == 1, timeout=LONG)
        assert "nobody here has this name" in state(server)[0]["reason"]
        assert send(server, "anna@example.test", "two").code == 250
        wait_for_mail(server, "one", "two")
        server.wait_for(lambda: state(server)[0]["state"] == "suspended", timeout=LONG)
        server.wait_for(lambda: {"forward_failed", "forward_suspended"} <= {a["alarm"] for a in server.objects("alarm", "list")},
                        timeout=LONG)
        assert send(server, "anna@example.test", "three").code == 250
        wait_for_mail(server, "one", "three", "two")
        sink.refused.clear()
        server.command("forward", "resume", "1")
        before = len(sink.copies)
        assert send(server, "anna@example.test", "four").code == 250
        server.wait_for(lambda: len(sink.copies) == before + 1, timeout=LONG)
        assert server.log("notice_made") == []


def test_a_limit_keeps_the_flood_here():
    with outside("forward.target_per_hour=2") as (server, sink, _trap):
        server.command("account", "forward", "kx-anna", "--to", "anna@remote.test", "--no-keep")
        server.command("alias", "add", "info@example.test", "anna@remote.test")
        server.wait_for(lambda: len(sink.copies) == 2, timeout=LONG)
        confirmed(server, sink, 0)
        confirmed(server, sink, 1)
        for number in range(5):
            assert send(server, "anna@example.test", f"flood {number}").code == 250
        wait_for_mail(server, "flood 2", "flood 3", "flood 4")
        assert send(server, "info@example.test", "flood").code == 451
        idle(server)
        assert len(sink.copies) == 4
        server.wait_for(lambda: server.log("forward_limited"), timeout=LONG)


@pytest.mark.skipif(os.getuid() != 0, reason="Postfix runs its programs as several users, which needs root")
def test_a_bounce_of_postfix_comes_back():
    server = Server()
    with Postfix("remote.test", more=[
            f"transport_maps = inline:{{{{nowhere.test = error:5.1.1 moved away}}, {{example.test = smtp:[127.0.0.1]:{server.port('smtp')}}},"
            " {remote.test = discard:taken}}",
            "virtual_alias_maps = inline:{{bounce@remote.test = gone@nowhere.test}}",  # so it is taken first
            "disable_dns_lookups = yes", "smtp_host_lookup = native", "smtp_tls_security_level = none"]) as postfix:
        server.settings += ["queue.retry_first=1s", "queue.retry_max=1s", "routes.table=remote.test/host=127.0.0.1 "
                            f"remote.test/port={postfix.port} remote.test/tls=none"]
        with server:
            server.account("kx-anna")
            for target in ("good@remote.test", "bounce@remote.test"):
                server.command("account", "forward", "kx-anna", "--to", target, "--keep")
            # Postfix took both codes; the second bounced, and since its sender was null nobody heard of it
            postfix.wait_for("to=<good@remote.test>", LONG)
            postfix.wait_for("orig_to=<bounce@remote.test>", LONG)
            confirm(server)
            assert send(server, "anna@example.test", "hello").code == 250
            server.wait_for(lambda: state(server)[1]["failures"] == 1, timeout=LONG)
            good, bounced = state(server)
            assert good["failures"] == 0 and "5.1.1" in bounced["reason"] and "moved away" in bounced["reason"]
            log = postfix.log_text()
            assert len(set(SRS.findall(log))) == 2 and "from=<stranger@elsewhere.test>" not in log
            # the owner of the forward sees the report, and nobody else anything
            server.wait_for(lambda: len(subjects(server)) == 2, timeout=LONG)
            (returned,) = {a for a in SRS.findall(log) if f" to=<{a}>" in log}
            tricks(server, returned)


def confirm(server):
    """As if both targets had told their codes: what they were sent was discarded, so new ones are read from the queue."""
    with Sink() as sink:
        good = server.conf.read_text()
        server.command("stop")
        server.process.wait(LONG)
        kept = server.settings
        server.settings = [s for s in kept if not s.startswith("routes.")] + [
            f"routes.table=remote.test/host=127.0.0.1 remote.test/port={sink.port} remote.test/tls=none"]
        server.start()
        for number, index in (("1", 0), ("2", 1)):
            server.command("forward", "ask", number)
            confirmed(server, sink, index)
        server.command("stop")
        server.process.wait(LONG)
        server.settings = kept
        server.start()
        assert server.conf.read_text() == good


def tricks(server, returned):
    """What is not a notice, or not ours, does not come in by such an address."""
    assert send(server, returned, "not null").code == 550
    local, domain = returned.split("@")
    for forged in (local.replace("=stranger", "=other"), local.replace("SRS0=", "SRS0=A"), "SRS0=x", local[:-1]):
        reply = send(server, f"{forged}@{domain}", "forged", sender="")
        assert reply.code == 550 and "5.1.1" in str(reply), (forged, reply)
    before = state(server)[1]["failures"]
    assert send(server, returned.lower(), "a notice that says nothing", sender="").code == 250
    idle(server)
    assert state(server)[1]["failures"] == before

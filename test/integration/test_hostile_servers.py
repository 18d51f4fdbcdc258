# SPDX-License-Identifier: Apache-2.0
"""Mail for servers that break every rule of SMTP, all of them at once: each is bounded, named in the log and tried again, or
fails as RFC 5321 says; nobody dies; and when the servers have come to their senses every message that was not refused for good
is there."""
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.hostile import Hostile  # noqa: E402
from harness.imap import Client  # noqa: E402
from harness.outside import Certificates  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

PATIENCE = 120  # seconds, on a machine with other things to do
LARGE = 6 << 20
SETTINGS = ("queue.retry_first=1s", "queue.retry_max=2s", "queue.delay_notice=1d", "sender.greeting_timeout=6", "sender.command_timeout=6",
            "sender.data_timeout=6", "sender.end_timeout=6", "sender.linger=0", "accounts.sent_per_hour=0", "accounts.sent_per_day=0",
            "accounts.strangers_per_hour=0", "accounts.strangers_per_day=0", "smtp.errors_max=1000")


def at(verb, *words):
    """Is good until that verb, then says this and hangs up."""
    def behave(call):
        call.until(verb)
        if words:
            call.say(*words)
    return behave


def greets(data):
    return lambda call: call.raw(data)


def reply(verb, data, *extensions):
    def behave(call):
        call.until(verb, *(extensions or ("8BITMIME",)))
        call.raw(data)
    return behave


def from_then_on(verb, goes_on):
    """From that command on, or from the beginning, it does only that."""
    def behave(call):
        if verb:
            call.until(verb)
        goes_on(call)
    return behave


def endless(verb, piece):
    return from_then_on(verb, lambda call: call.forever(piece))


def drips(verb, data):
    return from_then_on(verb, lambda call: call.drip(data))


def silent(verb):
    return from_then_on(verb, lambda call: call.silence())


def offers(*words):
    """Offers this, and is good at it."""
    def behave(call):
        call.until("EHLO")
        call.hello(*words)
        call.be_good(greet=False)
    return behave


def starttls(after):
    """Offers STARTTLS, and what follows is not TLS. Who comes back and does not try again is served."""
    def behave(call):
        call.say("220 hostile.test")
        call.line()
        call.hello("STARTTLS")
        line = call.line()
        if line == "STARTTLS":
            after(call)
            return
        call.say("250 2.0.0 ok")
        call.be_good(greet=False)
    return behave


def tls_then(after):
    def behave(call):
        call.until("STARTTLS", "STARTTLS")
        call.say("220 2.0.0 go")
        call.starttls(call.servers.certificate)
        after(call)
    return behave


def lost_end(call):
    call.take(call.until("END"), say=False)


def one_end_for_two(call):
    call.take(call.until("END"), say=False)
    call.say("250 2.0.0 the first")
    call.silence()


def ends_for_three(call):
    call.take(call.until("END"), say=False)
    call.say("250 2.0.0 a", "550 5.2.1 b", "250 2.0.0 c")
    call.silence()


def deaf(call):
    call.until("DATA")
    call.say("354 go on")
    time.sleep(60)


def mail_refused_but_data_taken(call):
    call.until("MAIL")
    call.say("550 5.7.1 not you")
    for _ in range(2):
        call.line()
        call.say("250 2.1.5 ok")
    call.line()
    call.say("354 go on all the same")
    call.silence()


def rset_refused(call):
    call.until("RCPT", "8BITMIME")
    call.say("450 4.2.1 later")
    call.line()
    call.say("450 4.2.1 later")
    call.until("RSET", greet=False)
    call.say("502 5.5.1 no")
    call.silence()


def never_says_bye(call):
    call.until("QUIT")
    call.silence()


# name: behaviour, what is logged of the first try ("deferred": it is tried again), its cause, the route's tls
CASES = {
    # greetings
    "greet-nothing": (silent(None), "deferred", "timeout", "none"),
    "greet-close": (lambda call: None, "deferred", "unreachable", "none"),
    "greet-drip": (drips(None, b"220 hostile.test here we are at last, one letter a second\r\n"), "deferred", "timeout", "none"),
    "greet-endless-lines": (endless(None, b"220-hello\r\n" * 100), "deferred", "protocol", "none"),
    "greet-endless-line": (endless(None, b"x" * 65536), "deferred", "protocol", "none"),
    "greet-nul": (lambda call: (call.raw(b"220 a\0b \xff\r\n"), call.be_good(greet=False)), "relayed", None, "none"),
    "greet-binary": (greets(bytes(range(256)) * 40), "deferred", "protocol", "none"),
    "greet-http": (greets(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>"), "deferred", "protocol", "none"),
    "greet-code-99": (greets(b"099 hello\r\n"), "deferred", "protocol", "none"),
    "greet-code-2200": (greets(b"2200 hello\r\n"), "deferred", "protocol", "none"),
    "greet-minus": (greets(b"-20 hello\r\n"), "deferred", "protocol", "none"),
    "greet-twice": (greets(b"220 hello\r\n250 hostile.test\r\n"), "deferred", "protocol", "none"),
    "greet-codes": (greets(b"220-hello\r\n554 go\r\n"), "deferred", "protocol", "none"),
    "greet-bare-lf": (greets(b"220 hello\n"), "deferred", "protocol", "none"),
    "greet-354": (greets(b"354 hello\r\n"), "deferred", "protocol", "none"),
    "greet-421": (greets(b"421 4.3.2 not now\r\n"), "deferred", "busy", "none"),
    "greet-554": (greets(b"554 5.3.2 never\r\n"), "deferred", "sender-refused", "none"),
    # EHLO
    "ehlo-close": (at("EHLO"), "deferred", "unreachable", "none"),
    "ehlo-421": (at("EHLO", "421 4.3.2 not now"), "deferred", "busy", "none"),
    "ehlo-silent": (silent("EHLO"), "deferred", "timeout", "none"),
    "ehlo-huge": (reply("EHLO", b"250-X-THING yes\r\n" * 20000), "deferred", "protocol", "none"),
    "ehlo-long-line": (reply("EHLO", b"250 " + b"X" * 100000 + b"\r\n"), "deferred", "protocol", "none"),
    "ehlo-codes": (reply("EHLO", b"250-hostile.test\r\n550 no\r\n"), "deferred", "protocol", "none"),
    # the envelope
    "mail-close": (at("MAIL"), "deferred", "unreachable", "none"),
    "mail-421": (at("MAIL", "421 4.3.2 not now"), "deferred", "busy", "none"),
    "mail-ahead": (reply("MAIL", b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n"), "deferred", "protocol", "none"),
    "mail-codes": (reply("MAIL", b"250-ok\r\n550-no\r\n250 ok\r\n"), "deferred", "protocol", "none"),
    "mail-drip": (drips("MAIL", b"250 ok, one letter a second, and never the end of it\r\n"), "deferred", "timeout", "none"),
    "mail-refused-data-taken": (mail_refused_but_data_taken, "failed", "sender-refused", "none"),
    "rcpt-close": (at("RCPT"), "deferred", "unreachable", "none"),
    "rcpt-421": (at("RCPT", "421 4.3.2 not now"), "deferred", "busy", "none"),
    "rcpt-endless": (endless("RCPT", b"250-ok\r\n" * 100), "deferred", "protocol", "none"),
    "rcpt-rset-refused": (rset_refused, "deferred", "busy", "none"),
    "data-close": (at("DATA"), "deferred", "unreachable", "none"),
    "data-421": (at("DATA", "421 4.3.2 not now"), "deferred", "busy", "none"),
    "data-550": (at("DATA", "550 5.7.1 no mail of yours"), "failed", "sender-refused", "none"),
    "data-250": (at("DATA", "250 2.0.0 taken already"), "deferred", "protocol", "none"),
    "data-deaf": (deaf, "deferred", "timeout", "none"),
    # the end
    "end-close": (lost_end, "deferred", "unreachable", "none"),
    "end-silent": (silent("END"), "deferred", "timeout", "none"),
    "end-421": (at("END", "421 4.3.2 not now"), "deferred", "busy", "none"),
    "end-554": (at("END", "554 5.6.0 not that"), "failed", "content-refused", "none"),
    "end-354": (at("END", "354 more"), "deferred", "protocol", "none"),
    "end-codes": (reply("END", b"250-taken\r\n554 or not\r\n"), "deferred", "protocol", "none"),
    "end-forged-log": (at("END", '451 4.3.0 "} {"event":"alarm","x":"\x1b[2J\x7f'), "deferred", "busy", "none"),
    "bye-never": (never_says_bye, "relayed", None, "none"),
    # extensions
    "size-absurd": (offers("SIZE 99999999999999999999999999", "PIPELINING"), "relayed", None, "none"),
    "size-small": (offers("SIZE 10"), "failed", "too-large", "none"),
    "words-odd": (offers("", "=", "8BITMIME=8BITMIME", "SIZE SIZE SIZE", "X" * 480), "relayed", None, "none"),
    "chunking-refused": (reply("BDAT", b"503 5.5.1 what?\r\n", "CHUNKING"), "failed", "content-refused", "none"),
    # TLS
    "tls-stripped-may": (offers("8BITMIME"), "relayed", None, "may"),
    "tls-stripped": (offers("8BITMIME"), "deferred", "tls-failed", "encrypt"),
    "tls-refused": (starttls(lambda call: (call.say("454 4.7.0 no"), call.until("never", greet=False))), "deferred", "tls-failed", "encrypt"),
    "tls-injected": (starttls(lambda call: (call.raw(b"220 go\r\n250 hostile.test\r\n250 ok\r\n"), call.silence())), "deferred", "protocol", "may"),
    "tls-injected-needed": (starttls(lambda call: (call.raw(b"220 go\r\n250 hostile.test\r\n"), call.silence())), "deferred", "protocol", "encrypt"),
    "tls-garbage": (starttls(lambda call: (call.say("220 go"), call.more(), call.raw(b"no TLS at all, but a lot of it\r\n" * 1000))), "relayed", None, "may"),
    "tls-garbage-needed": (starttls(lambda call: (call.say("220 go"), call.more(), call.raw(b"\x16\x03\x03\xff\xff" * 1000))), "deferred", "tls-failed", "encrypt"),
    "tls-cut": (starttls(lambda call: (call.say("220 go"), call.more(), call.raw(b"\x16\x03\x03\x00\x40\x02"))), "deferred", "tls-failed", "encrypt"),
    "tls-silent": (starttls(lambda call: (call.say("220 go"), call.silence())), "deferred", "tls-failed", "encrypt"),
    "tls-then-close": (tls_then(lambda call: None), "deferred", "unreachable", "encrypt"),
    "tls-then-endless": (tls_then(lambda call: call.forever(b"250-x\r\n" * 100)), "deferred", "protocol", "encrypt"),
    # LMTP
    "lmtp-one-end": (one_end_for_two, "relayed", None, "none lmtp"),
    "lmtp-three-ends": (ends_for_three, "relayed", None, "none lmtp"),
    "lmtp-no-lhlo": (reply("EHLO", b"500 5.5.1 what?\r\n"), "deferred", "sender-refused", "none lmtp"),
}

def routes(servers):
    words = []
    for name, (_, _, _, way) in CASES.items():
        tls, *protocol = way.split()
        words += [f"{name}.test/host={servers.host(name)}", f"{name}.test/tls={tls}", *(f"{name}.test/protocol={p} {name}.test/port={servers.port}" for p in protocol)]
    return "routes.table=" + " ".join(words)


def message(name):
    text = f"From: anna@example.test\r\nTo: you@{name}.test\r\nSubject: {name}\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nhello\r\n"
    return text.encode() + (b"x" * 70 + b"\r\n") * (LARGE // 72 if name == "data-deaf" else 0)


def submit_all(server):
    client = Smtp.to(server, "submissions")
    assert client.login("kx-anna", PASSWORD).code == 235
    for name in CASES:
        assert client.envelope("anna@example.test", f"a@{name}.test", f"b@{name}.test").code == 250
        answer = client.data(message(name))
        assert answer.code == 250, (name, answer)
    client.close()


def outcomes(server):
    """domain -> what was logged of its recipients, in order: (recipient, event, cause)"""
    found = {name: [] for name in CASES}
    for entry in server.log():
        if entry["event"] in ("message_relayed", "message_deferred", "message_failed"):
            local, domain = entry["recipient"].split("@")
            found[domain.removesuffix(".test")].append((local, entry["event"].removeprefix("message_"), entry.get("cause")))
    return found


def notices(server):
    client = Client(server.connect("imaps"))
    client.login("kx-anna", PASSWORD)
    client.ok("SELECT INBOX")
    found = [u[2][u[2].index("BODY[]") + 1] for u in client.ok("UID FETCH 1:* (BODY.PEEK[])").of("FETCH")]
    client.close()
    return found


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory):
    certificates = Certificates(tmp_path_factory.mktemp("certificates"), host="127.0.0.1")
    with Hostile({name: case[0] for name, case in CASES.items()}, (certificates.path("good"), certificates.key("good"))) as servers:
        with Server(settings=[*SETTINGS, f"sender.smtp_port={servers.port}", routes(servers)], expected_events=("alarm",)) as server:
            server.account("kx-anna")
            server.before = server.roles()
            submit_all(server)
            server.wait_for(lambda: all(len({r for r, _, _ in of}) == 2 for of in outcomes(server).values()), PATIENCE)
            server.first = outcomes(server)
            server.servers = servers
            yield server


@pytest.mark.parametrize("name", CASES)
def test_first_try(world, name):
    _, want, cause, _ = CASES[name]
    first = {}
    for local, event, why in world.first[name]:
        first.setdefault(local, (event, why))
    if name == "lmtp-one-end":
        assert first == {"a": ("relayed", None), "b": ("deferred", "timeout")}
    elif name == "lmtp-three-ends":
        assert first["a"] == ("relayed", None) and first["b"][0] == "failed"
    else:
        assert first == {local: (want, cause) for local in "ab"}, world.first[name]


def test_nobody_died(world):
    assert {role: world.roles()[role] for role in ("siegel-sender", "siegel-queue")} == {
        role: world.before[role] for role in ("siegel-sender", "siegel-queue")}


def test_why_one_waits(world):
    """Who looks at a message sees how its destination is treated."""
    waits, = world.objects("queue", "list", "--domain", "greet-421.test")
    *_, shown = world.objects("queue", "show", waits["id"])
    assert (shown["destination"], shown["failures"]) == ("greet-421.test", 0), shown
    assert shown["busy"] >= 1 and shown["distance"] > 0 and shown["distance_of_route"] == 0, shown
    assert "distance" in world.command("queue", "show", waits["id"]).stdout


def test_all_arrive_at_last(world):
    """What was deferred waits, and goes as soon as it can; of what failed the sender was told."""
    world.servers.heal()
    unsettled = lambda: {name for name, of in outcomes(world).items() if not all(  # noqa: E731
        any(r == local and event in ("relayed", "failed") for r, event, _ in of) for local in "ab")}
    world.wait_for(lambda: not unsettled(), PATIENCE)
    for name, (_, want, _, _) in CASES.items():
        if want == "failed" or name.startswith("lmtp-three"):
            assert any(b"Subject: " + name.encode() in notice for notice in notices(world)), name
        else:
            assert name in world.servers.taken[name], name
    world.wait_for(lambda: world.objects("queue", "list") == [], PATIENCE)
    assert len(notices(world)) == sum(case[1] == "failed" for case in CASES.values()) + 1

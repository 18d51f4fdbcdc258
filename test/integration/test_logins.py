# SPDX-License-Identifier: Apache-2.0
"""Logins: what a stranger can learn and try, and what ends them."""
import base64
import concurrent.futures
import itertools
import pathlib
import socket
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.imap import Client  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

# Each test comes from networks of its own, so that its failures do not count in another.
networks = itertools.count(1)


def elsewhere():
    return f"127.1.{next(networks)}.1"


def imap(server, source=None, tls=True):
    plain = socket.create_connection(("127.0.0.1", server.port("imaps" if tls else "imap")), timeout=60,
                                     source_address=(source or elsewhere(), 0))
    return Client(server.tls_context().wrap_socket(plain, server_hostname=server.hostname) if tls else plain)


def smtp(server, source=None):
    client = Smtp.to(server, "submission", source=source or elsewhere())
    client.starttls(server)
    return client


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def by_login(server, login, password, source=None):
    client = imap(server, source)
    answer = client.command(f"LOGIN {quoted(login)} {quoted(password)}")
    client.close()
    return f"{answer.status} [{answer.code if answer.status == 'NO' else ''}] {answer.text}"


def by_authenticate(server, login, password, source=None):
    client = imap(server, source)
    answer = client.command(f"AUTHENTICATE PLAIN {base64.b64encode(f'{chr(0)}{login}{chr(0)}{password}'.encode()).decode()}")
    client.close()
    return f"{answer.status} [{answer.code if answer.status == 'NO' else ''}] {answer.text}"


def by_smtp(server, login, password, source=None):
    client = smtp(server, source)
    reply = client.login(login, password)
    client.close()
    return str(reply)


def by_smtp_login(server, login, password, source=None):
    client = smtp(server, source)
    assert client.command("AUTH LOGIN").code == 334
    assert client.command(base64.b64encode(login.encode()).decode()).code == 334
    reply = client.command(base64.b64encode(password.encode()).decode())
    client.close()
    return str(reply)


def timed(way, *arguments):
    begin = time.monotonic()
    answer = way(*arguments)
    return answer, time.monotonic() - begin


WAYS = (by_login, by_authenticate, by_smtp, by_smtp_login)
STRANGERS = (("nobody-{way}", "wrong password"), ("kx-{way}", "wrong password"), ("kx-{way}", PASSWORD.upper()),
             ("kx-{way} ", PASSWORD), ("{way}@example.test", PASSWORD), ("{way}", PASSWORD), ("x" * 200 + "{way}", "y" * 200))
# Too many failures for one login would be answered in other words: these are tried less often.
RARE = {by_login: (("kx-gone", PASSWORD), ("postmaster@example.test", "")), by_smtp: (("kx-gone", PASSWORD), ("postmaster", "postmaster"))}


@pytest.fixture(scope="module")
def server():
    settings = ("login.failures_per_login=3", "login.failures_per_network=5", "login.block_time=6", "smtp.errors_max=50")
    with Server(settings=settings) as s:
        for name in ("anna", "bert", "carl", "dora", "emil", "fina", *(way.__name__ for way in WAYS)):
            s.account(f"kx-{name}")
        s.account("kx-gone")
        s.command("account", "suspend", "kx-gone")
        yield s


def at_once(function, arguments):
    """The results of function for each of the arguments, all called at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(lambda a: function(*a), arguments))


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_failures_are_uniform(server, way):
    """Who it was that failed cannot be told from the words; each answer waits."""
    found = at_once(timed, [(way, server, login.format(way=way.__name__), password) for login, password in STRANGERS + RARE.get(way, ())])
    assert min(seconds for _, seconds in found) > 0.5, found
    assert len({answer for answer, _ in found}) == 1, found
    assert found[0][0].startswith(("NO [AUTHENTICATIONFAILED]", "535 5.7.8"))


def test_unknown_and_known_take_as_long(server):
    """A hash is computed for both; what that takes lies close together, and each answer has the delay of half a second."""
    def taken(logins):
        before = server.processor_seconds("hasher", "directory")
        for login in logins:
            assert timed(by_login, server, login, "wrong password")[1] > 0.5
        return server.processor_seconds("hasher", "directory") - before
    known, unknown = taken(("kx-anna", "kx-bert", "kx-dora")), taken(("no-such-1", "no-such-2", "no-such-3"))
    assert known > 0.05 and abs(known - unknown) < 0.4 * max(known, unknown), (known, unknown)
    assert by_login(server, "kx-bert", PASSWORD).startswith("OK")


@pytest.mark.parametrize("kind", ("imap", "smtp"))
def test_delays_grow_and_end_the_session(server, kind):
    """login.failures_per_session: 3"""
    source = elsewhere()
    client = imap(server, source) if kind == "imap" else smtp(server, source)
    seconds = []
    for number in range(3):
        begin = time.monotonic()
        answer = client.command(f"LOGIN kx-{kind}-{number} wrong") if kind == "imap" else client.login(f"kx-{kind}-{number}", "wrong")
        seconds.append(time.monotonic() - begin)
        assert getattr(answer, "status", "NO") == "NO" and getattr(answer, "code", 535) in ("AUTHENTICATIONFAILED", 535)
    assert seconds[0] > 0.5 and seconds[1] > 1 and seconds[2] > 2, seconds
    if kind == "imap":
        assert client.response().startswith(b"* BYE")
        with pytest.raises(ConnectionError):
            client.response()
    else:
        assert client.reply().code == 421 and client.is_closed()


def test_throttled_by_login(server):
    """From everywhere, but not from where the login succeeded lately; and only for a while."""
    home = elsewhere()
    assert by_login(server, "kx-carl", PASSWORD, home).startswith("OK")
    for _ in range(3):
        assert by_login(server, "kx-carl", "wrong password").startswith("NO")
    blocked = by_login(server, "kx-carl", PASSWORD)
    assert blocked.startswith("NO") and "too many" in blocked.lower(), blocked
    assert by_login(server, "kx-carl", PASSWORD, home).startswith("OK")
    server.wait_for(lambda: by_login(server, "kx-carl", PASSWORD).startswith("OK"))


def test_throttled_by_network(server):
    """Other logins from there are refused as well; from elsewhere they are not."""
    source = elsewhere()
    guesses = at_once(by_login, [(server, f"guess-{number}", "wrong password", source) for number in range(5)])
    assert all(g.startswith("NO") for g in guesses)
    beside = source.removesuffix("1") + "77"
    assert by_login(server, "kx-dora", PASSWORD, beside).startswith("NO")
    assert by_smtp(server, "kx-dora", PASSWORD, source).startswith(("454", "535"))
    assert by_login(server, "kx-dora", PASSWORD).startswith("OK")
    server.wait_for(lambda: by_login(server, "kx-dora", PASSWORD, source).startswith("OK"))


def ended(client):
    """The session was ended by the server, with a word about it."""
    client.socket.settimeout(10)
    try:
        while True:
            client.response()
    except ConnectionError:
        return True


def test_suspended(server):
    """Its sessions end, its logins fail, its mail is refused in the dialogue; and back."""
    reader, sender = imap(server), smtp(server)
    reader.login("kx-emil", PASSWORD)
    assert sender.login("kx-emil", PASSWORD).code == 235
    server.command("account", "suspend", "kx-emil")
    assert ended(reader)
    reply = sender.command("MAIL FROM:<emil@example.test>")
    assert reply is None or reply.refused
    assert by_login(server, "kx-emil", PASSWORD).startswith("NO [AUTHENTICATIONFAILED]")
    outside = Smtp.to(server, source=elsewhere())
    assert outside.envelope("a@elsewhere.test", "emil@example.test").code == 550
    server.command("account", "resume", "kx-emil")
    assert by_login(server, "kx-emil", PASSWORD).startswith("OK")
    assert outside.command("RCPT TO:<emil@example.test>").code == 250


def test_new_password(server):
    """It ends what was begun with the old one, which is forgotten at once, although it was remembered."""
    for _ in range(2):
        assert by_login(server, "kx-fina", PASSWORD).startswith("OK")
    reader, sender = imap(server), smtp(server)
    reader.login("kx-fina", PASSWORD)
    assert sender.login("kx-fina", PASSWORD).code == 235
    server.command("account", "password", "kx-fina", "--password-stdin", input="another good pass phrase\n")
    assert ended(reader)
    reply = sender.command("MAIL FROM:<fina@example.test>")
    assert reply is None or reply.refused, reply
    assert by_login(server, "kx-fina", PASSWORD).startswith("NO [AUTHENTICATIONFAILED]")
    assert by_login(server, "kx-fina", "another good pass phrase").startswith("OK")


def test_plain_from_loopback(server):
    """Without TLS, reading only, from this machine to itself."""
    client = imap(server, tls=False)
    capabilities = client.ok("CAPABILITY").untagged[0]
    assert "STARTTLS" in capabilities and "LOGINDISABLED" not in capabilities
    client.login("kx-bert", PASSWORD)
    client.ok("SELECT INBOX")
    submission = Smtp.to(server, "submission")
    assert submission.login("kx-bert", PASSWORD).code == 530


def test_logins_in_any_case(server):
    assert by_login(server, "KX-Bert", PASSWORD).startswith("OK")
    assert by_login(server, "kx-bert", PASSWORD.title()).startswith("NO")


MALFORMED = (b"", b"\0", b"\0\0", b"\0kx-anna", b"other\0kx-anna\0" + PASSWORD.encode(), b"\0kx-anna\0x\0y", b"\0\xff\xfe\0secret",
             b"\0" + b"a" * 2000 + b"\0b", b"\0kx-anna\r\nx\0b")


def try_malformed(server, message):
    client, submission = imap(server), smtp(server)
    answer = client.command(b"AUTHENTICATE PLAIN " + (base64.b64encode(message) or b"="))
    reply = submission.command("AUTH PLAIN " + (base64.b64encode(message).decode() or "="))
    return answer.status, client.command("NOOP").status, reply.code, submission.command("NOOP").code


def test_malformed_credentials(server):
    """RFC 4616 2: refused like a wrong password, and the session goes on; no other identity may be asked for."""
    for message, found in zip(MALFORMED, at_once(try_malformed, [(server, message) for message in MALFORMED])):
        assert found[0] in ("NO", "BAD") and found[1] == "OK" and found[2] in (501, 535) and found[3] == 250, (message, found)


def test_passwords_are_nowhere(server):
    """Neither in the log, whatever was sent where, nor in what is stored."""
    client = imap(server)
    client.command('LOGIN "kx-anna" "wrong-but-secret-1"')
    client.command('NOOP wrong-but-secret-2')
    client.close()
    submission = smtp(server)
    submission.login("kx-anna", "wrong-but-secret-3")
    submission.command("AUTH PLAIN wrong-but-secret-4")
    server.wait_for(lambda: len(server.log("login_failed")) > 2)
    for secret in ("wrong-but-secret", PASSWORD, "another good pass phrase"):
        assert secret not in server.log_text()
        for path in server.folder.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_derivable_logins(server):
    """U8: refused with the reason, and with a way out."""
    for login in ("anna", "an-na", "zoe", "zoe@example.test", "zoeexample", "zoe.example"):
        done = server.command("account", "add", login, "--address", "zoe@example.test" if "z" in login else "anna2@example.test",
                              "--password-stdin", input=PASSWORD + "\n", check=False)
        if "z" in login:
            assert done.returncode == 1 and done.stderr.count("\n") == 1, (login, done)
    server.command("account", "add", "kx77-zoe", "--address", "zoe@example.test", "--password-stdin", input=PASSWORD + "\n")

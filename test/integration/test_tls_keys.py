# SPDX-License-Identifier: Apache-2.0
"""Private keys are in one process and nowhere else; certificates are replaced while the server serves; sessions are taken up
again by all processes that may."""
import contextlib
import imaplib
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from harness import keys
from harness.server import PASSWORD, Server, folder_for_all

ORDINARY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can read the memory of others")
USERS = [None, ORDINARY] if os.geteuid() == 0 else [None]


def anyone():
    """A client that believes every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def shake(s, service="imaps", context=None, name=None, session=None):
    """A connection with TLS, whose first line has been read."""
    plain = socket.create_connection(("127.0.0.1", s.port(service)), timeout=60)
    try:
        tls = (context or anyone()).wrap_socket(plain, server_hostname=name or s.hostname, session=session)
        assert tls.recv(300)
        return tls
    except BaseException:
        plain.close()
        raise


def shown(s, name=None):
    """The certificate that a client is shown."""
    with shake(s, name=name) as tls:
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)).strip()


def install(s, pair, *more, check=True):
    return s.command("tls", "install", str(pair[0]), str(pair[1]), *more, check=check)


@pytest.fixture(scope="module", name="s", params=USERS)
def _server(request):
    with folder_for_all() as pairs, Server(user=request.param) as s:
        s.account("kx-anna")
        s.pairs = pairs
        yield s


def pair_for(s, name, **arguments):
    pair = keys.make(s.pairs, name, **arguments)
    if s.user is not None:
        for path in pair:
            os.chown(path, s.user, s.user)
    return pair


# ---- where the key is ------------------------------------------------------------------------------------------------------
def others(s):
    """All processes but keyring's."""
    keyring = s.roles()["siegel-keyring"]
    return [s.process.pid] + [pid for pid in s.pids() if pid not in keyring]


def assert_nowhere_else(s, wanted):
    for pid in others(s):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
            assert not keys.is_found(pid, wanted), f"the key is in the memory of {words}"


def assert_planted_is_found(key, wanted):
    """Without this a search that finds nothing would say nothing."""
    program = ("import sys, time; kept = open(sys.argv[1]).read() if sys.argv[2] == 'text' else bytes.fromhex(sys.argv[2]); "
               "print('up', flush=True); time.sleep(100)")
    number = next(iter(keys.private_numbers(key).values()))
    for form, path in (("text", key), (number.hex(), "-"), (number[::-1].hex(), "-")):
        # The words of the command are memory too, so the digits alone must not be what is found.
        with subprocess.Popen([sys.executable, "-c", program, str(path), form], stdout=subprocess.PIPE) as planted:
            try:
                assert planted.stdout.readline() == b"up\n"
                assert keys.is_found(planted.pid, wanted), form
            finally:
                planted.kill()


@root_only
@pytest.mark.parametrize("algorithm", ["p256", "rsa", "ed25519"])
def test_the_key_is_in_one_process(s, algorithm):
    first = s.folder / "keys" / "tls.key"
    wanted = keys.pieces(first)
    assert_planted_is_found(first, wanted)
    (keyring,) = s.roles()["siegel-keyring"]
    assert keys.is_found(keyring, wanted)
    assert_nowhere_else(s, wanted)
    failures = []

    def connect():
        for i in range(100):
            try:
                shake(s, ("imaps", "submissions")[i % 2]).close()
            except OSError as e:
                failures.append(e)
    connecting = threading.Thread(target=connect)
    connecting.start()
    while connecting.is_alive():
        assert_nowhere_else(s, wanted)
    connecting.join()
    assert not failures
    pair = pair_for(s, algorithm, algorithm=algorithm)
    install(s, pair)
    wanted |= keys.pieces(pair[1])
    s.command("tls", "rotate")
    shake(s).close()
    assert keys.is_found(keyring, keys.pieces(pair[1]))
    assert_nowhere_else(s, wanted)


def test_files(s):
    owner = os.stat(f"/proc/{s.roles()['siegel-keyring'][0]}").st_uid
    for path in (s.folder / "keys").iterdir():
        assert path.stat().st_uid == owner and path.stat().st_mode & 0o777 in (0o600, 0o644), path
    assert (s.folder / "keys" / "tls.key").stat().st_mode & 0o777 == 0o600


# ---- what is signed --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
@pytest.mark.parametrize("algorithm", list(keys.ALGORITHMS))
def test_every_kind_of_key(s, algorithm, version):
    pair = pair_for(s, f"kind-{algorithm}-{version}", algorithm=algorithm)
    install(s, pair)
    for service, more in (("imaps", []), ("submissions", []), ("smtp", ["-starttls", "smtp"])):
        done = keys.openssl("s_client", "-connect", f"127.0.0.1:{s.port(service)}", f"-{version}", "-CAfile", pair[0], *more,
                            "-verify_hostname", s.hostname, "-verify_return_error", "-brief", input="Q\n")
        assert "Verification: OK" in done.stderr and "Verified peername: mail.example.test" in done.stderr, done.stderr


def test_no_decryption(s):
    """Key exchange by RSA would need the key for more than a signature."""
    install(s, pair_for(s, "no-decryption", algorithm="rsa"))
    done = keys.openssl("s_client", "-connect", f"127.0.0.1:{s.port('imaps')}", "-tls1_2", "-cipher", "kRSA", input="Q\n", check=False)
    assert done.returncode != 0


# ---- certificates ----------------------------------------------------------------------------------------------------------
def test_no_connection_is_lost(s):
    failures, counts, done = [], {"imaps": 0, "submissions": 0}, threading.Event()

    def knock(service):
        while not done.is_set():
            try:
                shake(s, service).close()
                counts[service] += 1
            except OSError as e:
                failures.append(e)
    knocking = [threading.Thread(target=knock, args=[service]) for service in counts]
    for thread in knocking:
        thread.start()
    with contextlib.closing(imaplib.IMAP4_SSL("127.0.0.1", s.port("imaps"), ssl_context=anyone()).socket()) as held:
        for i in range(6):
            pair = pair_for(s, f"lost-{i}", algorithm=("p256", "rsa")[i % 2])
            install(s, pair)
            s.wait_for(lambda: shown(s) == pair[0].read_text().strip())
            held.sendall(b"a NOOP\r\n")
            assert b"a OK" in held.recv(300)
    done.set()
    for thread in knocking:
        thread.join()
    assert not failures and min(counts.values()) > 6, (failures, counts)
    assert not s.log("signature_refused")
    s.wait_for(lambda: "tls install" in {c["verb"] for c in s.log("command_done")})


def test_list_and_names(s):
    own, other = pair_for(s, "own"), pair_for(s, "other", hosts=["other.test", "*.more.test"])
    install(s, own)
    install(s, other, "--host", "other.test")
    listed = s.objects("tls", "list")
    assert [c["name"] for c in listed] == ["tls", "tls-other.test"]
    assert listed[0]["key"] == "ECDSA P-256" and listed[1]["hosts"] == "other.test *.more.test"
    assert all(len(c["fingerprint"]) == 64 and c["expires"].endswith("Z") for c in listed)
    assert shown(s, "other.test") == shown(s, "a.more.test") == other[0].read_text().strip()
    assert shown(s) == shown(s, "elsewhere.test") == own[0].read_text().strip()
    s.command("tls", "remove", "other.test")
    assert shown(s, "other.test") == own[0].read_text().strip()
    assert [c["name"] for c in s.objects("tls", "list")] == ["tls"]
    assert s.command("tls", "remove", "other.test", check=False).returncode == 1


def chained(s, name):
    """(file with leaf and authority, the two in the wrong order, key)."""
    authority, signer = pair_for(s, f"{name}-authority", hosts=["authority.test"], authority=True)
    request, leaf, key = (s.pairs / f"{name}.{ending}" for ending in ("csr", "leaf", "leaf.key"))
    keys.openssl("req", "-new", *keys.ALGORITHMS["p256"], "-nodes", "-subj", "/CN=leaf", "-keyout", key, "-out", request,
                 "-addext", "subjectAltName=DNS:mail.example.test")
    keys.openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", signer, "-CAcreateserial", "-copy_extensions", "copy",
                 "-days", 5, "-out", leaf)
    right, wrong = s.pairs / f"{name}-right.pem", s.pairs / f"{name}-wrong.pem"
    right.write_text(leaf.read_text() + authority.read_text())
    wrong.write_text(leaf.read_text() + pair_for(s, f"{name}-stranger", hosts=["stranger.test"])[0].read_text())
    key.chmod(0o600)
    for path in (right, wrong, key):
        if s.user is not None:
            os.chown(path, s.user, s.user)
    return right, wrong, key


def test_chain(s):
    right, wrong, key = chained(s, "chain")
    mistaken = s.pairs / "chain-mistaken.pem"  # the server's own twice: it is no authority
    mistaken.write_text(right.read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
                        + pair_for(s, "no-authority")[0].read_text())
    if s.user is not None:
        os.chown(mistaken, s.user, s.user)
    install(s, (right, key))
    done = keys.openssl("s_client", "-connect", f"127.0.0.1:{s.port('imaps')}", "-showcerts", "-brief", "-CAfile",
                        s.pairs / "chain-authority.crt", input="Q\n")
    assert "Verification: OK" in done.stderr, done.stderr
    for chain in (wrong, mistaken):
        refused = install(s, (chain, key), check=False)
        assert refused.returncode == 1 and "is not signed by" in refused.stderr


def test_refusals(s):
    good, other = pair_for(s, "good"), pair_for(s, "another")
    open_key = pair_for(s, "open")
    open_key[1].chmod(0o644)
    locked = s.pairs / "locked.key"
    keys.openssl("pkey", "-in", good[1], "-aes128", "-passout", "pass:secret", "-out", locked)
    locked.chmod(0o600)
    weak = pair_for(s, "weak")
    keys.openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=x", "-keyout", weak[1], "-out", weak[0],
                 "-addext", "subjectAltName=DNS:mail.example.test")
    nothing = s.pairs / "nothing"
    nothing.write_text("hello\n")
    nothing.chmod(0o600)
    for path in (locked, nothing):
        if s.user is not None:
            os.chown(path, s.user, s.user)
    cut = s.pairs / "cut.crt"
    cut.write_text(good[0].read_text() + good[0].read_text()[:200])
    install(s, good)
    before = s.objects("tls", "list")
    cases = [
        ((good[0], other[1]), (), "does not belong to the private key"),
        ((good[0], open_key[1]), (), "can be read by others"),
        ((good[0], locked), (), "without a pass phrase"),
        (weak, (), "is not used here"),
        ((nothing, good[1]), (), "must be in PEM"),
        ((cut, good[1]), (), "must be in PEM"),
        ((good[0], nothing), (), "must be in PEM"),
        ((good[0], "/dev/null"), (), "is not a file"),
        ((good[0], s.pairs / "missing"), (), "cannot be opened"),
        (pair_for(s, "wrong-name", hosts=["other.test"]), (), "is not for mail.example.test"),
        (pair_for(s, "expired", days=-1), (), "has expired"),
        (good, ("--host", "other.test"), "is not for other.test"),
        (good, ("--host", "../etc"), "is no host name"),
    ]
    for pair, more, words in cases:
        done = install(s, pair, *more, check=False)
        assert done.returncode == 1 and words in done.stderr, (pair, done.stderr)
    assert s.objects("tls", "list") == before
    assert shown(s) == good[0].read_text().strip()


def test_survives_a_restart(s):
    pair = pair_for(s, "restart", algorithm="rsa")
    install(s, pair)
    s.stop()
    s.start()
    assert shown(s) == pair[0].read_text().strip()
    with shake(s, context=s.tls_context()):
        pass
    done = s.command("check", "--json", check=False)
    assert not [f for f in map(json.loads, done.stdout.splitlines()) if f["level"] == "error"]


def test_a_cut_off_installation_is_finished(s):
    """Between the two renames the power goes."""
    pair, folder = pair_for(s, "power"), s.folder / "keys"
    owner = (folder / "tls.key").stat()
    s.stop()
    (folder / "tls.key").write_text(pair[1].read_text())
    (folder / "tls.crt.new").write_text(pair[0].read_text())
    os.chown(folder / "tls.crt.new", owner.st_uid, owner.st_gid)
    s.start()
    assert shown(s) == pair[0].read_text().strip()
    assert sorted(path.name for path in folder.iterdir()) == ["tls.crt", "tls.key"]


def test_without_a_server(s):
    pair = pair_for(s, "offline")
    s.stop()
    install(s, pair)
    s.start()
    assert shown(s) == pair[0].read_text().strip()


# ---- sessions --------------------------------------------------------------------------------------------------------------
def context_for(version):
    context = anyone()
    context.minimum_version = context.maximum_version = version
    return context


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def test_all_front_doors_take_up_sessions():
    """One that has just begun takes up what another one gave."""
    with Server(expected_events={"process_died", "channel_broken"}) as s:
        sessions = {}
        for version in VERSIONS:
            with shake(s, context=context_for(version)) as tls:
                sessions[version] = tls.context, tls.session
        doors = s.roles()["siegel-frontdoor"]
        for pid in doors:
            os.kill(pid, signal.SIGKILL)
        s.wait_for(lambda: len(set(s.roles().get("siegel-frontdoor", [])) - set(doors)) == len(doors))
        for context, session in sessions.values():
            with s.wait_for(lambda: connected(s, context, session)) as tls:
                assert tls.session_reused


def connected(s, context, session):
    with contextlib.suppress(OSError):
        return shake(s, context=context, session=session)
    return None


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_outlive_a_reload_and_one_rotation(s, version):
    context = context_for(version)

    def comes_again(session, service="submissions"):
        with shake(s, service, context, session=session) as tls:
            return tls.session_reused, tls.session
    _, old = comes_again(None)
    s.command("reload")
    reused, session = comes_again(old)
    assert reused
    s.command("tls", "rotate")
    reused, session = comes_again(session)
    assert reused
    s.command("tls", "rotate")
    reused, session = comes_again(session)
    assert reused
    assert not comes_again(old)[0]
    assert not comes_again(session, "imaps")[0]


# ---- without keyring -------------------------------------------------------------------------------------------------------
def test_a_slow_signature_stops_nobody(s):
    (keyring,) = s.roles()["siegel-keyring"]
    session = imaplib.IMAP4_SSL("127.0.0.1", s.port("imaps"), ssl_context=anyone())
    session.login("kx-anna", PASSWORD)
    os.kill(keyring, signal.SIGSTOP)
    try:
        waiting = [threading.Thread(target=lambda: shake(s).close()) for _ in range(8)]
        for thread in waiting:
            thread.start()
        for _ in range(20):
            session.noop()
        assert all(thread.is_alive() for thread in waiting)  # who waited for one of them would have waited for its end
    finally:
        os.kill(keyring, signal.SIGCONT)
    for thread in waiting:
        thread.join(60)
        assert not thread.is_alive()
    session.shutdown()


def is_turned_away(s, service):
    """The server ends the handshake; the client's patience does not."""
    try:
        shake(s, service).close()
    except TimeoutError:
        raise
    except OSError:
        return True
    return False


def kill_keyring(s):
    (pid,) = s.wait_for(lambda: s.roles().get("siegel-keyring"))
    os.kill(pid, signal.SIGKILL)
    s.wait_for(lambda: pid not in s.roles().get("siegel-keyring", []))
    return True


def test_a_stopped_keyring_is_not_waited_for_long(s):
    (keyring,) = s.roles()["siegel-keyring"]
    os.kill(keyring, signal.SIGSTOP)
    try:
        for service in ("imaps", "submissions"):
            assert is_turned_away(s, service)
    finally:
        os.kill(keyring, signal.SIGCONT)
    s.wait_for(lambda: len([e for e in s.log("tls_failed") if "does not answer" in e.get("reason", "")]) >= 2)
    shake(s).close()


@pytest.mark.parametrize("user", USERS)
def test_without_keyring(user):
    with Server(user=user, expected_events={"process_died", "channel_broken", "alarm"}) as s:
        for service in ("imaps", "submissions"):
            shake(s, service).close()
        for _ in range(3):  # so that the next start is waited for
            kill_keyring(s)
        for service in ("imaps", "submissions"):
            s.wait_for(lambda service=service: is_turned_away(s, service) or not kill_keyring(s))
        with socket.create_connection(("127.0.0.1", s.port("smtp"))) as plain:
            assert plain.recv(100).startswith(b"220 ")
        assert s.wait_for(lambda: [e for e in s.log("tls_failed") if "is not there" in e.get("reason", "")])
        s.wait_for(lambda: s.roles().get("siegel-keyring"))

        def serves():
            with contextlib.suppress(OSError):
                for service in ("imaps", "submissions"):
                    shake(s, service).close()
                return True
            return False
        s.wait_for(serves)

# SPDX-License-Identifier: Apache-2.0
"""A taken-over receiver or front door asks keyring for what it likes. It can have handshakes of this server signed, as long as
it lives; it can have nothing else signed, and learns no key. keyring itself has no way out: the deeds of test_breakout.py are
done in it too."""
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from confinement import wire  # noqa: E402
from confinement.inject import Inside  # noqa: E402
from confinement.sockets import channel_to, inodes_of  # noqa: E402
from confinement.world import ORDINARY, World  # noqa: E402
from harness import keys  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can put calls into a confined process")

LINE_OPEN, SIGN_VERIFY, SIGN_EXCHANGE, SIGNATURE, REFUSAL = 1, 2, 3, 4, 5
ECDSA_SHA256, PSS_SHA256, PKCS1_SHA256 = 0x0403, 0x0804, 0x0401
X25519 = 29
TRANSCRIPT = bytes(range(32))
KEY_NUMBERS = range(1, 20)


@pytest.fixture(scope="module", params=[None, ORDINARY], ids=["root", "ordinary"])
def world(request):
    with World(request.param) as w:
        yield w


class Asker:
    """A process of that kind, and a line to keyring that it opened."""

    def __init__(self, world, role, instance):
        kinds = {(role, instance): pid for role, instance, pid in world.wait_ready()}
        self.pid = kinds[role, instance]
        self.keyring = channel_to(self.pid, kinds["siegel-keyring", ""])

    def __enter__(self):
        self.inside = Inside(self.pid).__enter__()
        self.fd = self.line()
        return self

    def __exit__(self, *of_error):
        self.inside.__exit__(*of_error)

    def line(self):
        fd, far = self.inside.pair()
        assert self.inside.send(self.keyring, wire.frame(LINE_OPEN, wire.FD), [far]) > 0
        self.inside.call("close", far)
        return fd

    def ask(self, frame):
        """(number, content) of the answer; None at the end of the line, after which there is a new one."""
        if self.inside.send(self.fd, frame) > 0:
            content = self.inside.receive(self.fd)
            assert content is not None, "no answer"
            if content:
                return wire.HEADER.unpack_from(content)[1], content[wire.HEADER.size:]
        self.inside.call("close", self.fd)
        self.fd = self.line()
        return None

    def verify(self, key, scheme=ECDSA_SHA256, by_client=0, transcript=TRANSCRIPT):
        return self.ask(wire.frame(SIGN_VERIFY, wire.number(key), wire.number(scheme), wire.flag(by_client), wire.string(transcript)))

    def exchange(self, key, scheme=ECDSA_SHA256, randoms=(bytes(32), bytes(32)), curve=X25519, point=bytes(32)):
        return self.ask(wire.frame(SIGN_EXCHANGE, wire.number(key), wire.number(scheme), *map(wire.string, randoms),
                                   wire.number(curve), wire.string(point)))

    def good_key(self):
        return next(key for key in KEY_NUMBERS if self.verify(key)[0] == SIGNATURE)


ASKERS = [("siegel-receiver", "smtp"), ("siegel-frontdoor", "1")]


@pytest.fixture(params=ASKERS, ids=["receiver", "frontdoor"], name="asker")
def _asker(world, request):
    with Asker(world, *request.param) as a:
        yield a


def is_signature_of(certificate, signature, text, folder):
    """Whether OpenSSL's own command believes it."""
    public, sig, data = (folder / name for name in ("public", "signature", "data"))
    public.write_text(keys.openssl("x509", "-in", certificate, "-noout", "-pubkey").stdout)
    sig.write_bytes(signature)
    data.write_bytes(text)
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", sig, data], capture_output=True, check=False)
    return done.returncode == 0


def test_signs_a_handshake(world, asker, tmp_path):
    """What is lost while it is in the wrong hands; and what is signed is of a handshake, not what was brought."""
    certificate = world.server.folder / "keys" / "tls.crt"
    number, content = asker.verify(asker.good_key())
    assert number == SIGNATURE
    signature = content[4:]
    whole = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + TRANSCRIPT
    assert is_signature_of(certificate, signature, whole, tmp_path)
    assert not is_signature_of(certificate, signature, TRANSCRIPT, tmp_path)


def test_signs_nothing_else(asker):
    key = asker.good_key()
    assert asker.exchange(key)[0] == SIGNATURE
    refused = [
        asker.verify(key, by_client=1), asker.verify(key, scheme=PSS_SHA256), asker.verify(key, scheme=0), asker.verify(0),
        asker.verify(key + 1000), asker.verify(key, transcript=b""), asker.verify(key, transcript=bytes(47)),
        asker.verify(key, transcript=b"a certificate request"), asker.exchange(key, scheme=PKCS1_SHA256),
        asker.exchange(key, curve=0), asker.exchange(key, point=bytes(31)), asker.exchange(key, randoms=(bytes(32), b"")),
        asker.exchange(key, randoms=(bytes(31), bytes(32))), asker.exchange(key, curve=23, point=bytes(65)),
    ]
    assert {answer and answer[0] for answer in refused} == {REFUSAL}
    assert asker.verify(key, transcript=bytes(64)) is None  # above what the conversation declares


def test_learns_no_key(world, asker):
    """Every message of any number, with what fits into some: only signatures and refusals come back."""
    secret = keys.pieces(world.server.folder / "keys" / "tls.key")
    bodies = [b"", wire.number(1), wire.number(1) + wire.number(ECDSA_SHA256), bytes(64), wire.string(b"tls.key"), b"\xff" * 200]
    for number in range(48):
        for body in bodies:
            answer = asker.ask(wire.HEADER.pack(wire.version(), number, 0) + body)
            assert answer is None or answer[0] in (SIGNATURE, REFUSAL), number
            assert answer is None or not any(piece in answer[1] for piece in secret)


def test_keyring_has_no_network(world):
    """No descriptor of it is an IP socket, and it cannot make one: see also "connect out" and "listen" of test_breakout.py."""
    (pid,) = world.server.roles()["siegel-keyring"]
    wanted = set(inodes_of(pid).values())
    for family in ("tcp", "tcp6", "udp", "udp6", "raw"):
        path = pathlib.Path(f"/proc/{pid}/net/{family}")
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        assert not wanted & {int(line.split()[9]) for line in lines}, family


def test_it_still_serves(world):
    assert not world.server.log("process_died")
    for service in ("imaps", "submissions"):
        with world.server.connect(service) as tls:
            assert tls.recv(100)

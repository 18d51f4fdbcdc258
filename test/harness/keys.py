# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates for tests, and the search for a private key in the memory of processes."""
import base64
import hashlib
import pathlib
import re
import subprocess

ALGORITHMS = {
    "rsa": ["-newkey", "rsa:2048"],
    "p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ed25519": ["-newkey", "ed25519"],
}
SECRET = {"priv", "privateExponent", "prime1", "prime2", "exponent1", "exponent2", "coefficient"}
PIECE, STRETCH = 16, 1 << 16


def openssl(*words, input=None, check=True):
    return subprocess.run(["openssl", *map(str, words)], input=input, capture_output=True, text=True, check=check, timeout=60)


def make(folder, name, algorithm="p256", hosts=("mail.example.test",), days=30, authority=False):
    """A pair signed by itself; (certificate, key), both paths. With negative days it has expired."""
    request, certificate, key = (pathlib.Path(folder) / f"{name}.{ending}" for ending in ("csr", "crt", "key"))
    openssl("req", "-new", *ALGORITHMS[algorithm], "-nodes", "-subj", "/CN=test", "-keyout", key, "-out", request,
            "-addext", "subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts))
    if authority:
        openssl("req", "-x509", "-in", request, "-key", key, "-days", days, "-copy_extensions", "copy", "-out", certificate,
                "-extensions", "v3_ca")
    else:
        openssl("x509", "-req", "-in", request, "-signkey", key, "-days", days, "-copy_extensions", "copy", "-out",
                certificate)
    key.chmod(0o600)
    return certificate, key


def private_numbers(key):
    """Name -> bytes, as OpenSSL prints them."""
    text = openssl("pkey", "-in", key, "-noout", "-text").stdout
    numbers = {}
    for name, digits in re.findall(r"^(\w+):\n((?: +[0-9a-f:]+\n)+)", text, re.M):
        if name in SECRET:
            numbers[name] = bytes.fromhex(re.sub(r"[\s:]", "", digits)).lstrip(b"\0")
    assert numbers, text
    return numbers


def text_pieces(key, number):
    """Those parts of the file's text that spell the number and nothing else."""
    lines = [line for line in pathlib.Path(key).read_text().splitlines() if not line.startswith("-")]
    text, found = "".join(lines), []
    at = base64.b64decode(text).find(number)
    first, last = (at * 4 + 2) // 3 + 1, (at + len(number)) * 4 // 3 - 1
    width = len(lines[0])
    for line in range(0, len(text), width):
        begin, end = max(first, line), min(last, line + width)
        found += [text[start:start + PIECE].encode() for start in range(begin, end - PIECE + 1, PIECE)]
    assert found
    return found


def pieces(key):
    """What gives the key away: parts of its private numbers in both orders of bytes, and of their text in PEM."""
    found = set()
    for number in private_numbers(key).values():
        for order in (number, number[::-1]):
            found.update(order[at:at + PIECE] for at in range(0, len(order) - PIECE + 1, PIECE))
        found.update(text_pieces(key, number))
    return found


def memory(pid):
    """All that the process has in memory, a region at a time."""
    regions = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r.*\n(?:.*\n)*?Rss: +(\d+) kB\n(?:.*\n)*?Swap: +(\d+) kB",
                         pathlib.Path(f"/proc/{pid}/smaps").read_text(), re.M)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for first, last, resident, swapped in regions:
            if resident == "0" and swapped == "0":
                continue
            try:
                file.seek(int(first, 16))
                yield file.read(int(last, 16) - int(first, 16))
            except (OSError, ValueError, OverflowError):
                continue  # it went meanwhile, or is the kernel's


def is_found(pid, wanted, clean={}):
    """clean: for each set of pieces the digests of stretches that hold none of them. Most of what a process has in memory another
    one has too, and has a moment later: that is searched once."""
    known = clean.setdefault(frozenset(wanted), set())
    for region in memory(pid):
        for at in range(0, len(region), STRETCH):
            stretch = region[at:at + STRETCH + PIECE - 1]  # so that no piece falls between two
            digest = hashlib.sha256(stretch).digest()
            if digest in known:
                continue
            if any(piece in stretch for piece in wanted):
                return True
            known.add(digest)
    return False

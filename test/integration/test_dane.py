# SPDX-License-Identifier: Apache-2.0
"""Every row of test/data/dane/dane.tsv against a real zone, a validating resolver and a real Postfix that shows the row's
certificate. test/unit/trust/dane_table.c runs the same rows with the policy and OpenSSL alone."""
import hashlib
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.dns import SECURE, Dns, Zone  # noqa: E402
from harness.outside import Certificates, Postfix  # noqa: E402
from harness.server import PASSWORD, ROOT, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="Postfix runs its programs as several users, which needs root")

KINDS = (*Certificates.KINDS, "none")
MESSAGE = b"From: anna@example.test\r\nSubject: out\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nhello\r\n"


def read_table():
    text = (ROOT / "test" / "data" / "dane" / "dane.tsv").read_text()
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    assert len(rows) >= 40 and all(len(row) == 6 for row in rows)
    return rows


ROWS = read_table()


def der(path, selector):
    command = ["openssl", "x509", "-in", str(path), "-outform", "DER"]
    if selector == 0:
        return subprocess.run(command, capture_output=True, check=True).stdout
    key = subprocess.run(["openssl", "x509", "-in", str(path), "-noout", "-pubkey"], capture_output=True, check=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, capture_output=True, check=True).stdout


def tlsa(record, kind, certificates):
    """The record as it stands in a zone file."""
    usage, selector, matching, what = record.split(":")
    source = {"ca": "ca.pem", "other": "other.pem"}.get(what, f"{'good' if kind == 'none' else kind}.leaf")
    data = der(certificates.folder / source, 0 if selector == "0" else 1)
    digest = "1" if what == "sha256" else matching if what != "short" else "1"
    if digest != "0":
        data = hashlib.new("sha512" if digest == "2" else "sha256", data).digest()
    data = data[:20] if what == "short" else b"" if what == "empty" else data
    rdata = bytes((int(usage), int(selector), int(matching))) + data
    return rf"TYPE52 \# {len(rdata)} {rdata.hex()}"


# A record without data cannot stand in a zone file; addresses and records that are not secure need zones of their own; test/unit/trust/dane_table.c has these rows too.
SIGNED = [(number, row) for number, row in enumerate(ROWS) if row[1] == row[2] == SECURE and "empty" not in row[3]]


def address_of(kind):
    return f"127.0.2.{10 + KINDS.index(kind)}"


def zone(port, certificates):
    """Each row is a domain, d<number>.right.test, with a host that the certificates name: *.right.test."""
    lines = []
    for number, (_, _, _, words, kind, _) in SIGNED:
        lines += [f"d{number} MX 10 mx{number}", f"mx{number} A {address_of(kind)}"]
        if words != "-":
            lines += [f"_{port}._tcp.mx{number} {tlsa(word, kind, certificates)}" for word in words.split()]
    return Zone("\n".join(lines) + "\n")


def result(server, domain):
    """proved, encrypted, plain, refused or avoided, from what the log says of the domain."""
    for entry in server.log():
        if entry["event"] == "server_reached" and entry["destination"] == domain:
            return "plain" if entry["tls"] == "none" else "proved" if entry["verified"] == "yes" else "encrypted"
        if entry["event"] == "destination_failed" and entry["destination"] == domain:
            return "refused"
    return None


def test_table(tmp_path):
    certificates = Certificates(tmp_path, host="*.right.test")
    listeners = {address_of(kind): kind for kind in KINDS}
    domains = [f"d{number}.right.test" for number, _ in SIGNED]
    with Postfix(*domains, tls=(certificates, "good"), listeners=listeners) as postfix:
        with Dns({"right.test": zone(postfix.port, certificates)}) as dns:
            settings = [*dns.settings(), f"sender.smtp_port={postfix.port}", "sender.allow_private_destinations=yes", "queue.retry_first=60s"]
            with Server(settings=settings) as server:
                server.account("kx-anna")
                client = Smtp.to(server, "submissions")
                assert client.login("kx-anna", PASSWORD).code == 235
                for domain in domains:
                    assert client.envelope("anna@example.test", f"you@{domain}").code == 250
                    assert client.data(MESSAGE).code == 250
                server.wait_for(lambda: all(result(server, domain) for domain in domains), timeout=60)
                wrong = [(row[0], result(server, f"d{number}.right.test"), row[5]) for number, row in SIGNED
                         if result(server, f"d{number}.right.test") != row[5]]
                assert not wrong, wrong
                for number, row in SIGNED:
                    taken = f"to=<you@d{number}.right.test>" in postfix.log_text()
                    assert taken == (row[5] in ("proved", "encrypted", "plain")), row[0]

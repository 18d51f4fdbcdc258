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
from harness.dns import BOGUS, INSECURE, SECURE, Dns, Zone  # noqa: E402
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


# A record without data cannot stand in a zone file, and a server that does not answer takes long to be given up; test/unit/trust/dane_table.c has
# these rows too. What is not signed, or signed wrongly, stands in zones of its own.
TRIED = [(number, row) for number, row in enumerate(ROWS) if "empty" not in row[3] and "failed" not in row[1:3]]


def address_of(kind):
    return f"127.0.2.{10 + KINDS.index(kind)}"


def zone_of(row):
    return "wrong.test" if BOGUS in row[1:3] else "open.test" if row[1] == INSECURE else "right.test"


def domain_of(number):
    return f"d{number}.{zone_of(ROWS[number])}"


def zones(port, certificates):
    """Each row is a domain, d<number>.right.test, with a host that the certificates name: *.right.test. Records that are not
    secure behind an address that is are reached by an alias."""
    lines = {"right.test": [], "open.test": [], "wrong.test": []}
    damaged = []
    for number, row in TRIED:
        _, addresses, records, words, kind, _ = row
        here, owner = lines[zone_of(row)], f"_{port}._tcp.mx{number}"
        here += [f"d{number} MX 10 mx{number}", f"mx{number} A {address_of(kind)}"]
        if addresses == SECURE and records == INSECURE:
            here.append(f"{owner} CNAME alias{number}.open.test.")
            here, owner = lines["open.test"], f"alias{number}"
        if words != "-":
            here += [f"{owner} {tlsa(word, kind, certificates)}" for word in words.split()]
        damaged += [rf"mx{number}"] if addresses == BOGUS else [rf"_{port}\._tcp\.mx{number}"] if records == BOGUS else []
    text = {name: "\n".join(all) + "\n" for name, all in lines.items()}
    wrong = rf"^(?:{'|'.join(damaged)})\.wrong\.test\.\s.*IN\s+(?:A|TLSA|TYPE52)\s.*$"
    return {"right.test": Zone(text["right.test"]), "open.test": Zone(text["open.test"], INSECURE),
            "wrong.test": Zone(text["wrong.test"], BOGUS, damaged=wrong)}


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
    domains = [domain_of(number) for number, _ in TRIED]
    with Postfix(*domains, tls=(certificates, "good"), listeners=listeners) as postfix:
        with Dns(zones(postfix.port, certificates)) as dns:
            settings = [*dns.settings(), f"sender.smtp_port={postfix.port}", "sender.allow_private_destinations=yes", "queue.retry_first=60s"]
            with Server(settings=settings) as server:
                server.account("kx-anna")
                client = Smtp.to(server, "submissions")
                assert client.login("kx-anna", PASSWORD).code == 235
                for domain in domains:
                    assert client.envelope("anna@example.test", f"you@{domain}").code == 250
                    assert client.data(MESSAGE).code == 250
                server.wait_for(lambda: all(result(server, domain) for domain in domains), timeout=60)
                wrong = [(row[0], result(server, domain_of(number)), row[5]) for number, row in TRIED
                         if result(server, domain_of(number)) != row[5].replace("avoided", "refused")]
                assert not wrong, wrong
                for number, row in TRIED:
                    taken = f"to=<you@{domain_of(number)}>" in postfix.log_text()
                    assert taken == (row[5] in ("proved", "encrypted", "plain")), row[0]

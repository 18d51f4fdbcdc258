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
from harness import liar  # noqa: E402
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
    assert len(rows) >= 40 and all(len(row) == 7 for row in rows)
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
    rdata = tlsa_data(record, kind, certificates)
    return rf"TYPE52 \# {len(rdata)} {rdata.hex()}"


def tlsa_data(record, kind, certificates):
    usage, selector, matching, what = record.split(":")
    source = {"ca": "ca.pem", "other": "other.pem"}.get(what, f"{'good' if kind == 'none' else kind}.leaf")
    data = der(certificates.folder / source, 0 if selector == "0" else 1)
    digest = "1" if what == "sha256" else matching if what != "short" else "1"
    if digest != "0":
        data = hashlib.new("sha512" if digest == "2" else "sha256", data).digest()
    data = data[:20] if what == "short" else b"" if what == "empty" else data
    return bytes((int(usage), int(selector), int(matching))) + data


# What the table has no columns for. name: zone, TLSA records, how it ends, what is noted. "required-..." have routes with tls=dane.
OTHERS = {
    "required-none": ("right.test", "-", "refused", "setting dane-required"),
    "required-unusable": ("right.test", "0:0:1:ca", "refused", "setting tlsa-invalid"),
    "required-good": ("right.test", "3:1:1:leaf", "proved", "setting success"),
    "required-bogus": ("wrong.test", "-", "refused", "setting dnssec-invalid"),
    "wrong-mx": ("wrong.test", "-", "refused", "tlsa dnssec-invalid"),
}

# The one that gets no answer at all; the others that fail are told of a failure.
SILENT = "no answer about records"


def address_of(kind):
    return f"127.0.2.{10 + KINDS.index(kind)}"


def is_lied_about(row):
    """A record without data cannot stand in a zone file, nor can a server that does not answer."""
    return "empty" in row[3] or "failed" in row[1:3]


def zone_of(row):
    """What is not signed, or signed wrongly, stands in zones of its own."""
    if is_lied_about(row):
        return "between.test"
    return "wrong.test" if BOGUS in row[1:3] else "open.test" if row[1] == INSECURE else "right.test"


def domain_of(number):
    return f"d{number}.{zone_of(ROWS[number])}"


def zones(port, certificates):
    """Each row is a domain, d<number>.right.test, with a host that the certificates name: *.right.test. Records that are not
    secure behind an address that is are reached by an alias."""
    lines = {"right.test": [], "open.test": [], "wrong.test": [], "between.test": []}
    damaged = []
    for number, row in enumerate(ROWS):
        _, addresses, records, words, kind, *_ = row
        here, owner = lines[zone_of(row)], f"_{port}._tcp.mx{number}"
        here += [f"d{number} MX 10 mx{number}", f"mx{number} A {address_of(kind)}"]
        if addresses == SECURE and records == INSECURE:
            here.append(f"{owner} CNAME alias{number}.open.test.")
            here, owner = lines["open.test"], f"alias{number}"
        if is_lied_about(row):
            here.append(f"{owner} TXT truth")  # the name is there in any case
        elif words != "-":
            here += [f"{owner} {tlsa(word, kind, certificates)}" for word in words.split()]
        damaged += [rf"mx{number}"] if addresses == BOGUS else [rf"_{port}\._tcp\.mx{number}"] if records == BOGUS else []
    for name, (zone, words, *_) in OTHERS.items():
        lines[zone] += [f"{name} MX 10 mx.{name}", f"mx.{name} A {address_of('good')}"]
        lines[zone] += [f"_{port}._tcp.mx.{name} {tlsa(word, 'good', certificates)}" for word in words.split() if word != "-"]
    damaged += [r"wrong-mx", r"mx\.required-bogus"]
    text = {name: "\n".join(all) + "\n" for name, all in lines.items()}
    wrong = rf"^(?:{'|'.join(damaged)})\.wrong\.test\.\s.*IN\s+(?:A|MX|TLSA|TYPE52)\s.*$"
    return {"right.test": Zone(text["right.test"]), "open.test": Zone(text["open.test"], INSECURE),
            "wrong.test": Zone(text["wrong.test"], BOGUS, damaged=wrong), "between.test": Zone(text["between.test"])}


def lies(port, dns, certificates):
    """What a server between the zone and the resolver says of rows that no zone file can have: {(name, type): lie}."""
    table = {}
    for number, (name, addresses, records, words, kind, *_) in enumerate(ROWS):
        if not is_lied_about(ROWS[number]):
            continue
        host = f"mx{number}.between.test"
        owner = f"_{port}._tcp.{host}"
        if addresses == "failed":
            table |= {(host, liar.A): liar.failure, (host, liar.AAAA): liar.failure}
        elif records == "failed":
            table[owner, liar.TLSA] = liar.silence if name == SILENT else liar.failure
        else:
            data = tlsa_data(words, kind, certificates)
            proof = dns.signature("between.test", owner, liar.TLSA, data)
            table[owner, liar.TLSA] = lambda query, data=data, proof=proof: liar.signed(query, liar.TLSA, data, proof)
    return table


def result(server, domain):
    """proved, encrypted, plain, refused or avoided, from what the log says of the domain."""
    for entry in server.log():
        if entry["event"] == "server_reached" and entry["destination"] == domain:
            return "plain" if entry["tls"] == "none" else "proved" if entry["verified"] == "yes" else "encrypted"
        if entry["event"] == "destination_failed" and entry["destination"] == domain:
            return "refused"
    return None


def check_results(server, wanted):
    """Each session is counted once, under the policy that was applied, as reports name it (RFC 8460 4.3)."""
    def noted():
        lines = {}
        for line in server.objects("route", "results"):
            lines.setdefault(line["domain"], []).append(line)
        return lines

    server.wait_for(lambda: len(noted()) >= len(wanted), timeout=60)
    lines = noted()
    assert {domain: [f"{line['policy']} {line['result']} {line['count']}" for line in all] for domain, all in lines.items()} == wanted
    return {domain: line for domain, (line,) in lines.items()}


def check_details(lines):
    """What a report needs of a failure (RFC 8460 4.4) and of the records, as far as it was known."""
    def of(number_or_name, *keys):
        line = lines[domain_of(number_or_name) if isinstance(number_or_name, int) else f"{number_or_name}.{OTHERS[number_or_name][0]}"]
        return [line[key] for key in keys]

    numbers = {row[0]: number for number, row in enumerate(ROWS)}
    refused, empty, bogus = (numbers[name] for name in ("none of two fits", "no data at all", "bogus records"))
    keys = ("host", "helo", "address", "local")
    assert of(refused, *keys) == [f"mx{refused}.right.test", "mx.right.test", address_of("good"), "127.0.0.1"]
    assert len(of(refused, "policy_text")[0]) == 2 and of(refused, "hosts") == [[f"mx{refused}.right.test"]]
    assert of(empty, "policy_text") == [["3 1 0 "]]
    assert of(bogus, *keys) == [f"mx{bogus}.wrong.test", "", "", ""]
    assert of("wrong-mx", *keys) == [""] * 4 and "mail servers" in of("wrong-mx", "reason")[0]
    assert of("required-none", *keys) == ["mx.required-none.right.test", "", "", ""]
    assert of("required-unusable", "policy_text")[0][0].startswith("0 0 1 ")
    assert of("required-good", "policy_text")[0][0].startswith("3 1 1 ")


def submit(server, domains):
    client = Smtp.to(server, "submissions")
    assert client.login("kx-anna", PASSWORD).code == 235
    for domain in domains:
        assert client.envelope("anna@example.test", f"you@{domain}").code == 250
        assert client.data(MESSAGE).code == 250


def test_table(tmp_path):
    certificates = Certificates(tmp_path, host="*.right.test")
    listeners = {address_of(kind): kind for kind in KINDS}
    expected = {domain_of(number): (row[5].replace("avoided", "refused"), row[6]) for number, row in enumerate(ROWS)}
    expected |= {f"{name}.{zone}": (how, noted) for name, (zone, _, how, noted) in OTHERS.items()}
    with Postfix(*expected, tls=(certificates, "good"), listeners=listeners) as postfix:
        with Dns(zones(postfix.port, certificates)) as dns, liar.Between(dns.port, lies(postfix.port, dns, certificates)) as between:
            routes = " ".join(f"{name}.{zone}/tls=dane" for name, (zone, *_) in OTHERS.items() if name.startswith("required"))
            settings = [*dns.settings(elsewhere={"between.test": between.port}), f"sender.smtp_port={postfix.port}",
                        f"routes.table={routes}", "sender.allow_private_destinations=yes", "queue.retry_first=1h"]
            with Server(settings=settings) as server:
                server.account("kx-anna")
                submit(server, expected)
                server.wait_for(lambda: all(result(server, domain) for domain in expected), timeout=120)
                got = {domain: result(server, domain) for domain in expected}
                assert got == {domain: how for domain, (how, _) in expected.items()}
                for domain, (how, _) in expected.items():
                    if how != "refused":
                        postfix.wait_for(f"to=<you@{domain}>", 60)
                    assert (f"to=<you@{domain}>" in postfix.log_text()) == (how != "refused"), domain
                lines = check_results(server, {domain: [f"{noted} 1"] for domain, (_, noted) in expected.items() if noted != "-"})
                check_details(lines)
                assert all(lie in between.asked for lie in between.lies)

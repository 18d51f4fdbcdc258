# SPDX-License-Identifier: Apache-2.0
"""Mail to domains with MTA-STS policies of every kind: a real Postfix shows certificates of every kind, a web server of the tests'
own the policies, and the DNS is real too. test_mta_sts.py has what comes between record and policy; test/unit/trust/security.c
the decision alone."""
import hashlib
import ipaddress
import os
import signal
import time

import pytest

from harness import keys
from harness.dns import INSECURE, Dns, Zone
from harness.https import Authority, Web
from harness.outside import Certificates, Postfix
from harness.server import PASSWORD, Server
from harness.smtp import Smtp
from test_dane import der

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="Postfix runs its programs as several users, which needs root")

KINDS = (*Certificates.KINDS, "none")
MESSAGE = b"From: anna@example.test\r\nSubject: out\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nhello\r\n"
OWN, OTHER = ("{mx}.right.test",), ("mx.elsewhere.test",)

# domain: mode, patterns, the certificates of its mail servers in the order of preference, whether the web server can be reached
# (those named web-... show wrong certificates), and what comes of it: how it is delivered, whose policy that is, what is noted
CASES = {
    "enforced": ("enforce", OWN, ["good"], True, "proved", "sts", "success"),
    "wildcard": ("enforce", ("*.right.test",), ["good"], True, "proved", "sts", "success"),
    "no-chain": ("enforce", OWN, ["no-chain"], True, "proved", "sts", "success"),
    "expired": ("enforce", OWN, ["expired"], True, "refused", "sts", "certificate-expired"),
    "self": ("enforce", OWN, ["self"], True, "refused", "sts", "certificate-not-trusted"),
    "wrong-name": ("enforce", OWN, ["wrong-name"], True, "refused", "sts", "certificate-host-mismatch"),
    "no-tls": ("enforce", OWN, ["none"], True, "refused", "sts", "starttls-not-supported"),
    "not-named": ("enforce", OTHER, ["good"], True, "refused", "sts", "validation-failure"),
    "second-named": ("enforce", ("{mx}-1.right.test",), ["good", "good"], True, "proved", "sts", "success"),
    "second-good": ("enforce", ("*.right.test",), ["expired", "good"], True, "proved", "sts", "success"),
    "tested": ("testing", OWN, ["good"], True, "proved", "sts", "success"),
    "tested-expired": ("testing", OWN, ["expired"], True, "encrypted", "sts", "certificate-expired"),
    "tested-self": ("testing", OWN, ["self"], True, "encrypted", "sts", "certificate-not-trusted"),
    "tested-wrong-name": ("testing", OWN, ["wrong-name"], True, "encrypted", "sts", "certificate-host-mismatch"),
    "tested-no-tls": ("testing", OWN, ["none"], True, "plain", "sts", "starttls-not-supported"),
    "tested-not-named": ("testing", OTHER, ["good"], True, "proved", "sts", "validation-failure"),
    "mode-none": ("none", OTHER, ["self"], True, "encrypted", "none", "success"),
    "no-record": (None, OTHER, ["self"], True, "encrypted", "none", "success"),
    "web-self": ("enforce", OTHER, ["self"], True, "encrypted", "none", "success"),
    "web-expired": ("enforce", OTHER, ["self"], True, "encrypted", "none", "success"),
    "web-wrong-name": ("enforce", OTHER, ["self"], True, "encrypted", "none", "success"),
    "web-down": ("enforce", OTHER, ["self"], False, "encrypted", "none", "success"),
    "web-nothing": ("enforce", OTHER, ["self"], True, "encrypted", "none", "success"),
    "web-gone": ("enforce", OTHER, ["self"], True, "encrypted", "none", "success"),
    "web-html": ("enforce", OTHER, ["self"], True, "encrypted", "none", "success"),
    "web-no-policy": ("enforce", OTHER, ["self"], True, "encrypted", "none", "success"),
    "overridden": ("enforce", OTHER, ["self"], True, "encrypted", "setting", "success"),
    # the rest has tests of its own
    "changes": ("enforce", OWN, ["self"], True, "refused", "sts", "certificate-not-trusted"),
    "kept": ("enforce", OWN, ["good"], True, None, None, None),
    "held-back": ("enforce", OWN, ["good"], True, None, None, None),
    "no-matter": ("enforce", OTHER, ["none"], True, None, None, None),
    "relayed": ("enforce", OTHER, ["none"], True, None, None, None),
    "relayed-large": ("enforce", OTHER, ["none"], True, None, None, None),
    "silent": ("enforce", OTHER, ["self"], True, None, None, None),
    "orphaned": ("enforce", OTHER, ["self"], True, None, None, None),
}
# Policies that cannot be had: how reports call that, and a word of the reason (RFC 8460 4.3.2.2). The mail goes as if there were none.
UNKNOWN = {"web-self": ("sts-webpki-invalid", "self"), "web-expired": ("sts-webpki-invalid", "expired"),
           "web-wrong-name": ("sts-webpki-invalid", "mismatch"), "web-down": ("sts-policy-fetch-error", "refused"),
           "web-nothing": ("sts-policy-fetch-error", "HTTP"), "web-gone": ("sts-policy-fetch-error", "404"),
           "web-html": ("sts-policy-invalid", "text/plain"), "web-no-policy": ("sts-policy-invalid", "no policy")}
ANSWERS = {"web-nothing": b"", "web-gone": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
           "web-html": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nversion: STSv1\nmode: none\nmax_age: 1\n",
           "web-no-policy": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"}

# DANE comes first (RFC 8461 2): proved by records where the policy would refuse, refused by records where it would not
DANE = {"saved": ("self", "proved", "tlsa", "success"), "doomed": ("good", "refused", "tlsa", "validation-failure")}


def address_of(kind):
    return f"127.0.3.{10 + KINDS.index(kind)}"


def host(domain, number=0):
    return f"mx-{domain}-{number}" if number > 0 else f"mx-{domain}"


def zone():
    lines = []
    for domain, (mode, _, kinds, web, *_) in CASES.items():
        for number, kind in enumerate(kinds):
            lines += [f"{domain} MX {10 + number} {host(domain, number)}", f"{host(domain, number)} A {address_of(kind)}"]
        lines += [f'_mta-sts.{domain} TXT "v=STSv1; id=1"'] if mode else []
        lines += [f"mta-sts.{domain} A {'127.0.0.1' if web else '127.0.3.99'}"]
    # A domain's own address is no exchanger where it names one (RFC 5321 5.1), or says that it has none (RFC 7505 3).
    for domain, exchanger in (("only-mx", "MX 10 mx-only-mx"), ("null-mx", "MX 0 ."), ("no-mx", None)):
        lines += [f"{domain} {exchanger}"] if exchanger else []
        lines += [f"{domain} A {address_of('good')}"]
    return Zone("\n".join(lines + ["mx-only-mx A 127.0.3.99"]) + "\n", INSECURE, ttl=0)


def signed_zone(port, certificates):
    lines = []
    for domain, (kind, *_) in DANE.items():
        shown = "self" if domain == "saved" else "self-wrong-name"
        digest = hashlib.sha256(der(certificates.folder / f"{shown}.leaf", 1)).hexdigest()
        lines += [f"{domain} MX 10 mx.{domain}", f"mx.{domain} A {address_of(kind)}", f"_{port}._tcp.mx.{domain} TLSA 3 1 1 {digest}",
                  f'_mta-sts.{domain} TXT "v=STSv1; id=1"', f"mta-sts.{domain} A 127.0.0.1"]
    return Zone("\n".join(lines) + "\n", ttl=0)


class World:
    """One Siegel, and all whom it meets."""

    def __init__(self, server, postfix, dns, web, settings=()):
        self.server, self.postfix, self.dns, self.web, self.settings = server, postfix, dns, web, settings

    def send(self, *domains, header=b""):
        client = Smtp.to(self.server, "submissions")
        assert client.login("kx-anna", PASSWORD).code == 235
        for domain in domains:
            assert client.envelope("anna@example.test", f"you@{domain}").code == 250
            assert client.data(header + MESSAGE).code == 250

    def entries(self, domain, *events):
        return [e for e in self.server.log() if e["event"] in events and e["destination"] == domain]

    def result(self, domain, number=0):
        """What came of the domain's mail, so many results later: how it went, and by whose policy."""
        entries = self.entries(domain, "server_reached", "destination_failed")
        if len(entries) <= number:
            return None
        entry = entries[number]
        if entry["event"] == "destination_failed":
            return "refused", None
        return "plain" if entry["tls"] == "none" else "proved" if entry["verified"] == "yes" else "encrypted", entry["policy"]

    def wait(self, domain, number=0):
        return self.server.wait_for(lambda: self.result(domain, number), 90)

    def wait_noted(self, expected):
        """Until the ledger has all of that."""
        def missing():
            noted = {(line["domain"], line["policy"], line["result"]) for line in self.server.objects("route", "results")}
            return {(domain, *what) for domain, what in expected.items()} - noted, noted

        deadline = time.monotonic() + 60
        while (state := missing())[0]:
            assert time.monotonic() < deadline, state
            time.sleep(0.2)

    def taken(self, domain):
        return f"to=<you@{domain}>" in self.postfix.log_text()


def web_certificates(authority, folder, names):
    """For the policies' hosts: a right one for all of them, and those that are not right."""
    def of(name):
        return f"mta-sts.{name}.right.test"

    certificate, key = keys.make(folder, "self", hosts=(of("web-self"),))
    signed_by_itself = folder / "self"
    signed_by_itself.write_text(key.read_text() + certificate.read_text())
    wrong = {of("web-self"): signed_by_itself, of("web-expired"): authority.sign(of("web-expired"), days=-1),
             of("web-wrong-name"): authority.sign("mta-sts.wrong.test")}
    return authority.sign(*[f"mta-sts.{name}" for name in names]), wrong


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory):
    names = [f"{name}.right.test" for name in CASES] + [f"{name}.signed.test" for name in DANE]
    more = [f"{name}.right.test" for name in ("only-mx", "null-mx", "no-mx")]
    certificates = Certificates(tmp_path_factory.mktemp("hosts"), host="*.right.test")
    folder, authority = tmp_path_factory.mktemp("web"), Authority()
    right, wrong = web_certificates(authority, folder, names)
    trusted = folder / "authorities"
    trusted.write_text((certificates.folder / "ca.pem").read_text() + authority.certificate.read_text())
    listeners = {address_of(kind): kind for kind in KINDS}
    with Postfix(*names, *more, tls=(certificates, "good"), listeners=listeners) as postfix:
        zones = {"right.test": zone(), "signed.test": signed_zone(postfix.port, certificates)}
        with Dns(zones) as dns, Web(right) as web:
            web.certificates = wrong
            for name in names:
                mode, patterns, *_ = CASES.get(name.split(".")[0], ("enforce", OTHER))
                if mode:
                    web.policy(mode, [p.format(mx=host(name.split(".")[0])) for p in patterns], host=f"mta-sts.{name}")
            web.answers.update({f"mta-sts.{name}.right.test": answer for name, answer in ANSWERS.items()})
            settings = [*dns.settings(), f"sender.smtp_port={postfix.port}", f"sender.https_port={web.port}",
                        "sender.allow_private_destinations=yes", f"sender.ca_extra={trusted}", "queue.retry_first=1h",
                        "relay.relay_networks=127.0.0.1", "routes.table=overridden.right.test/tls=may"]
            with Server(settings=settings) as server:
                server.account("kx-anna")
                yield World(server, postfix, dns, web, settings)
    authority.close()


def test_table(world):
    """Every row, sent at once."""
    expected = {f"{name}.right.test": row[4:] for name, row in CASES.items() if row[4]}
    expected.update({f"{name}.signed.test": row[1:] for name, row in DANE.items()})
    world.send(*expected)
    wrong = {}
    for domain, (how, policy, noted) in expected.items():
        got = world.wait(domain)
        if got[0] != how or got[1] not in (None, policy):
            wrong[domain] = (got, how, policy, [e["reason"] for e in world.entries(domain, "policy_not_known")])
    assert not wrong, wrong
    world.wait_noted({domain: (policy, noted) for domain, (_, policy, noted) in expected.items()})
    for domain, (how, *_) in expected.items():
        if how != "refused":
            world.postfix.wait_for(f"to=<you@{domain}>", 60)
        assert world.taken(domain) == (how != "refused"), domain


def test_what_is_noted(world):
    """As a report needs it (RFC 8460 4), also by a new ledger."""
    assert world.wait("second-named.right.test") and world.wait("tested-not-named.right.test")
    old = world.server.roles()["siegel-ledger"]
    world.wait_noted({"tested-not-named.right.test": ("sts", "validation-failure")})
    os.kill(old[0], signal.SIGKILL)
    world.server.expected.add("process_died")
    world.server.wait_for(lambda: world.server.roles().get("siegel-ledger") not in (None, old), 60)

    def lines():
        done = world.server.command("route", "results", "Second-Named.right.test", "--json", check=False)
        return done.returncode == 0 and world.server.objects("route", "results", "Second-Named.right.test")

    lines = {line["result"]: line for line in world.server.wait_for(lines, 60)}
    failure, success = lines["validation-failure"], lines["success"]
    assert success["count"] == failure["count"] == 1
    assert failure["host"] == "mx-second-named.right.test" and "does not name" in failure["reason"]
    assert failure["address"] == failure["local"] == failure["helo"] == ""
    for line in lines.values():
        assert line["policy_text"] == ["version: STSv1", "mode: enforce", "max_age: 86400", "mx: mx-second-named-1.right.test"]
        assert line["hosts"] == ["mx-second-named-1.right.test"]
    line, = world.server.objects("route", "results", "tested-expired.right.test")
    assert (line["host"], line["address"]) == ("mx-tested-expired.right.test", address_of("expired")) and "expired" in line["reason"]
    assert ipaddress.ip_address(line["local"]).is_loopback and line["helo"] == "mx.right.test"
    line, = world.server.objects("route", "results", "saved.signed.test")
    assert line["policy_text"][0].startswith("3 1 1 ") and line["hosts"] == ["mx.saved.signed.test"]


def test_policies_that_cannot_be_had(world):
    """They are counted beside how the session went, by what failed; no mail server has to do with it."""
    world.wait_noted({f"{name}.right.test": ("sts", result) for name, (result, _) in UNKNOWN.items()})
    for name, (result, word) in UNKNOWN.items():
        assert world.wait(f"{name}.right.test")[0] == "encrypted"
        session, failure = sorted(world.server.objects("route", "results", f"{name}.right.test"), key=lambda line: line["policy"])
        assert (session["policy"], session["result"], session["count"]) == ("none", "success", 1)
        assert (failure["policy"], failure["result"], failure["count"]) == ("sts", result, 1) and word in failure["reason"], failure
        assert not any(failure[key] for key in ("host", "helo", "address", "local", "policy_text", "hosts")), failure
        assert world.server.objects("verify", "mta-sts", f"{name}.right.test")[0]["result"] == result
    assert [line["result"] for line in world.server.objects("route", "results", "no-record.right.test")] == ["success"]


def test_new_policy_cannot_be_had(world):
    """The kept one holds, and the session is counted under it, as is that the new one could not be fetched."""
    domain = "held-back.right.test"
    assert world.server.objects("verify", "mta-sts", domain)[0]["result"] == ""
    world.web.answers[f"mta-sts.{domain}"] = b""
    world.dns.change("right.test", '_mta-sts.held-back TXT "v=STSv1; id=2"', without=["_mta-sts.held-back"])
    world.send(domain)
    assert world.wait(domain) == ("proved", "sts")
    world.wait_noted({domain: ("sts", "sts-policy-fetch-error")})
    session, failure = world.server.objects("route", "results", domain)
    assert (session["result"], failure["result"]) == ("success", "sts-policy-fetch-error")
    assert session["policy_text"] == failure["policy_text"] and "mode: enforce" in failure["policy_text"]


def test_what_is_logged(world):
    world.wait("tested-not-named.right.test")
    for name in UNKNOWN:
        entry, = world.entries(f"{name}.right.test", "policy_not_known")
        assert entry["policy"] == "none" and entry["reason"], entry
    assert not world.entries("no-record.right.test", "policy_not_known")
    for name, mode in (("not-named", "enforce"), ("tested-not-named", "testing"), ("tested-expired", "testing")):
        entry, = world.entries(f"{name}.right.test", "policy_broken")
        assert entry["mode"] == mode and entry["host"] == f"mx-{name}.right.test" and entry["reason"], entry


def test_route_test(world):
    """The command tells what the sender would do."""
    policy, one, two = world.server.objects("route", "test", "second-named.right.test")
    assert (policy["mode"], policy["id"], policy["mx"]) == ("enforce", "1", ["mx-second-named-1.right.test"])
    assert (one["sts"], one["action"], one["policy"]) == ("not named", "avoid", "sts")
    assert one["preference"] < two["preference"]
    assert (two["sts"], two["action"], two["policy"]) == ("named", "verify", "sts")
    assert world.server.objects("route", "test", "second-named.right.test", "--connect")[-1]["verified"]
    route, policy, one = world.server.objects("route", "test", "overridden.right.test")
    assert (route["route"], route["tls"]) == ("overridden.right.test", "may") and "DNS" in route["to"]
    assert policy["mode"] == "none" and "configuration" in policy["reason"] and one["policy"] == "setting"
    policy, one = world.server.objects("route", "test", "saved.signed.test")
    assert policy["mode"] == "enforce" and (one["sts"], one["action"], one["policy"]) == ("not named", "dane", "tlsa")
    assert world.server.objects("route", "test", "self.right.test", "--connect")[-1]["cause"] == "tls-failed"
    lost, = world.server.objects("route", "test", "nowhere.right.test")
    assert (lost["domain"], lost["cause"]) == ("nowhere.right.test", "domain-unknown")


# What is demanded of all at least: domain -> how it goes then, whose policy that is, the action, whether it was raised
LEAST = {
    "encrypt": {"enforced.right.test": ("proved", "sts", "verify", False), "not-named.right.test": ("refused", "sts", "avoid", False),
                "saved.signed.test": ("proved", "tlsa", "dane", False), "doomed.signed.test": ("refused", "tlsa", "dane", False),
                "tested-self.right.test": ("encrypted", "sts", "encrypt", True), "tested-no-tls.right.test": ("refused", "sts", "encrypt", True),
                "no-record.right.test": ("encrypted", "setting", "encrypt", True), "overridden.right.test": ("encrypted", "setting", "may", False)},
    "verify": {"enforced.right.test": ("proved", "sts", "verify", False), "not-named.right.test": ("refused", "sts", "avoid", False),
               "saved.signed.test": ("proved", "tlsa", "dane", False), "tested.right.test": ("proved", "sts", "verify", True),
               "tested-self.right.test": ("refused", "sts", "verify", True), "no-record.right.test": ("refused", "setting", "verify", True),
               "no-mx.right.test": ("proved", "setting", "verify", True), "overridden.right.test": ("encrypted", "setting", "may", False)},
}


@pytest.mark.parametrize("tls", LEAST)
def test_least_for_all(world, tls):
    """For domains without a route of their own, which the word for all neither weakens nor frees of what they demand themselves."""
    settings = [s for s in world.settings if not s.startswith("routes.table=")]
    with Server(settings=[*settings, f"routes.table=overridden.right.test/tls=may */tls={tls}"]) as server:
        least = World(server, world.postfix, world.dns, world.web)
        server.account("kx-anna")
        least.send(*LEAST[tls])
        for domain, (how, policy, action, raised) in LEAST[tls].items():
            got = least.wait(domain)
            assert got[0] == how and got[1] in (None, policy), (domain, got)
            route, _, host = server.objects("route", "test", domain)
            assert (host["policy"], host["action"], host["raised"]) == (policy, action, raised), host
            named = domain.startswith("overridden")
            assert (route["route"], route["tls"], route["at_least"]) == ((domain, "may", False) if named else ("*", tls, True))
        least.wait_noted({"tested-self.right.test": ("sts", "certificate-not-trusted")})


def test_only_exchangers(world):
    """Mail goes to the hosts that the domain names, and to no other that would take it."""
    world.send("only-mx.right.test", "null-mx.right.test", "no-mx.right.test")
    assert world.wait("no-mx.right.test")[0] == "encrypted"
    world.postfix.wait_for("to=<you@no-mx.right.test>", 60)
    assert world.wait("only-mx.right.test")[0] == "refused"
    entry = world.server.wait_for(lambda: [e for e in world.server.log("message_failed") if "null-mx" in e["destination"]], 90)[0]
    assert entry["cause"] == "takes-no-mail"
    assert not world.taken("only-mx.right.test") and not world.taken("null-mx.right.test")


def test_new_id(world):
    """After a failure the policy is asked for again, before the mail is tried again (RFC 8461 5.1)."""
    assert world.wait("changes.right.test")[0] == "refused"
    world.web.policy("testing", ["mx-changes.right.test"], host="mta-sts.changes.right.test")
    world.dns.change("right.test", '_mta-sts.changes TXT "v=STSv1; id=2"', without=["_mta-sts.changes"])
    world.server.command("queue", "retry", "--domain", "changes.right.test")
    assert world.wait("changes.right.test", 1) == ("encrypted", "sts")
    world.postfix.wait_for("to=<you@changes.right.test>", 60)


def test_kept(world):
    """Who holds back the record and the policy, and sends us to another host, gets nothing."""
    assert world.server.objects("verify", "mta-sts", "kept.right.test")[0]["mode"] == "enforce"
    world.web.answers["mta-sts.kept.right.test"] = b""
    world.dns.change("right.test", "kept MX 10 mx-tested-self", without=["_mta-sts.kept", "kept"])
    world.send("kept.right.test")
    assert world.wait("kept.right.test")[0] == "refused" and not world.taken("kept.right.test")
    assert world.entries("kept.right.test", "policy_not_known")[0]["policy"] == "kept"
    assert "does not name" in world.entries("kept.right.test", "policy_broken")[0]["reason"]


def test_rather_without_tls(world):
    """What says so goes, though the policy names another host, and this one has no TLS (RFC 8689 4.2.2)."""
    world.send("no-matter.right.test", header=b"TLS-Required: No\r\n")
    assert world.wait("no-matter.right.test")[0] == "plain"
    world.postfix.wait_for("to=<you@no-matter.right.test>", 60)
    world.send("no-matter.right.test")
    assert world.wait("no-matter.right.test", 1)[0] == "refused"


def test_relayed_rather_without_tls(world):
    """Whoever sent it (RFC 8689 4.1): from a machine in a relay network too, small or read from a file."""
    domains = ["relayed.right.test", "relayed-large.right.test"]
    for header, count in ((b"TLS-Required: No\r\n", 1), (b"", 2)):
        for domain, lines in zip(domains, (1, 5000)):
            client = Smtp.to(world.server)
            assert client.envelope("machine@elsewhere.test", f"you@{domain}").code == 250
            assert client.data(header + MESSAGE + (b"x" * 70 + b"\r\n") * lines).code == 250
            client.close()
        assert [world.wait(domain, count - 1)[0] for domain in domains] == ["plain" if count == 1 else "refused"] * 2
    for domain in domains:
        world.postfix.wait_for(f"to=<you@{domain}>", 60)


def test_silent_ledger(world):
    """Mail does not wait for somebody who does not answer: it goes by what else is known."""
    with Server(settings=[*world.settings, "sender.policy_timeout=2"]) as server:
        alone = World(server, world.postfix, world.dns, world.web)
        server.account("kx-anna")
        pid = server.roles()["siegel-ledger"][0]
        os.kill(pid, signal.SIGSTOP)
        try:
            alone.send("silent.right.test")
            assert alone.wait("silent.right.test") == ("encrypted", "none")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert alone.entries("silent.right.test", "policy_not_known")[0]["reason"] == "the policy was not told in time"


def test_ledger_dies(world):
    """Before it has answered: the next one is asked, and no mail goes without its domain's policy for that."""
    old = world.server.roles()["siegel-ledger"]
    world.server.expected.add("process_died")
    os.kill(old[0], signal.SIGSTOP)
    world.send("orphaned.right.test")
    os.kill(old[0], signal.SIGKILL)
    assert world.wait("orphaned.right.test")[0] == "refused" and not world.taken("orphaned.right.test")
    assert "does not name" in world.entries("orphaned.right.test", "policy_broken")[0]["reason"]
    assert not world.entries("orphaned.right.test", "policy_not_known")

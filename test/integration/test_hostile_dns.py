# SPDX-License-Identifier: Apache-2.0
"""Mail for domains whose DNS is broken, hostile or lies, by the real resolver and the real sender: it fails or waits as it
should, nobody dies, nothing goes where it must not, and mail for a good domain goes on."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.dns import INSECURE, Dns, Zone, many, quoted  # noqa: E402
from harness.hostile import Hostile  # noqa: E402
from harness.liar import LIES, Liar  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

PATIENCE = 120
SETTINGS = ["queue.retry_first=1h", "queue.retry_max=1h", "accounts.sent_per_hour=0", "accounts.sent_per_day=0",
            "accounts.strangers_per_hour=0", "accounts.strangers_per_day=0", "sender.greeting_timeout=10", "sender.command_timeout=10"]
GOOD, DEAD = "127.0.7.1", "127.0.7.250"

# domain: records relative to it, what becomes of mail for it, the cause
CASES = {
    "good": (f"good MX 10 mx.good\nmx.good A {GOOD}", "relayed", None),
    "implicit": (f"implicit A {GOOD}", "relayed", None),
    "second": (f"second MX 10 dead.second\nsecond MX 20 mx.second\ndead.second A {DEAD}\nmx.second A {GOOD}", "relayed", None),
    "chain": ("chain CNAME chain2\nchain2 CNAME chain3\nchain3 CNAME good", "relayed", None),
    "mx-alias": (f"mx-alias MX 10 alias.mx-alias\nalias.mx-alias CNAME mx.good", "relayed", None),
    "huge-text": (f"huge-text MX 10 mx.good\nhuge-text TXT {quoted(20000)}", "relayed", None),
    "null": ("null MX 0 .", "failed", "takes-no-mail"),
    "null-and-more": ("null-and-more MX 0 .\nnull-and-more MX 10 mx.good", "relayed", None),
    "absent": ("", "failed", "domain-unknown"),
    "empty": ("empty TXT \"neither MX nor address\"", "failed", "unreachable"),
    "dangling": ("dangling MX 10 nowhere.dangling", "failed", "unreachable"),
    "no-address": ("no-address MX 10 mx.no-address\nmx.no-address TXT none", "failed", "unreachable"),
    "literal": (f"literal MX 10 {GOOD}.", "failed", "domain-unknown"),
    "ourselves": ("ourselves MX 10 mail.example.test.", "failed", "loop"),
    "ourselves-backup": ("ourselves-backup MX 10 mx.good\nourselves-backup MX 10 mail.example.test.\nourselves-backup MX 20 mx.good", "failed", "loop"),
    "hundred": (f"hundred {many(100, 'MX {number} mx{number}.hundred')}\n" + "\n".join(f"mx{n}.hundred A {DEAD}" for n in range(1, 101)),
                "deferred", "unreachable"),
    "crowd": (f"crowd MX 10 mx.crowd\nmx.crowd {many(150, 'A 127.0.8.{number}')}", "deferred", "unreachable"),
    "loop": ("loop CNAME loop2\nloop2 CNAME loop", "deferred", "dns-failed"),
    "self": ("self CNAME self", "deferred", "dns-failed"),
    "mx-loop": ("mx-loop MX 10 a.mx-loop\na.mx-loop CNAME b.mx-loop\nb.mx-loop CNAME a.mx-loop", "deferred", "dns-failed"),
    "long": ("long CNAME long2\n" + "\n".join(f"long{n} CNAME long{n + 1}" for n in range(2, 31)) + f"\nlong31 A {GOOD}", "relayed", None),
    "odd-names": ("odd-names MX 10 a\\010b", "deferred", "dns-failed"),
}
# Domains of other zones.
OTHERS = {"bogus.test": ("deferred", "dns-failed"), "expired.test": ("deferred", "dns-failed")}
# Addresses that no foreign domain may send us to.
INSIDE = {"loopback": f"A {GOOD}", "any": "A 0.0.0.0", "private-a": "A 10.0.0.1", "private-b": "A 172.16.0.1", "private-c": "A 192.168.0.1",
          "metadata": "A 169.254.169.254", "broadcast": "A 255.255.255.255", "multicast": "A 224.0.0.1", "shared": "A 100.64.0.1",
          "six": "AAAA ::1", "six-any": "AAAA ::", "mapped": f"AAAA ::ffff:{GOOD}", "compatible": f"AAAA ::{GOOD}", "nat64": "AAAA 64:ff9b::7f00:701",
          "six-to-four": "AAAA 2002:7f00:701::1", "unique": "AAAA fd00::1", "link": "AAAA fe80::1"}


def zone():
    inside = "\n".join(f"{name}.inside MX 10 mx.{name}.inside\nmx.{name}.inside {record}" for name, record in INSIDE.items())
    return "\n".join(records for records, _, _ in CASES.values()) + "\n" + inside + "\n"


def submit(server, domains):
    client = Smtp.to(server, "submissions")
    assert client.login("kx-anna", PASSWORD).code == 235
    for domain in domains:
        assert client.envelope("anna@example.test", f"you@{domain}").code == 250
        text = f"From: anna@example.test\r\nTo: you@{domain}\r\nSubject: {domain}\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nx\r\n"
        assert client.data(text.encode()).code == 250
    client.close()


def outcomes(server):
    events = ("message_relayed", "message_deferred", "message_failed")
    return {e["recipient"].split("@")[1]: (e["event"].removeprefix("message_"), e.get("cause"))
            for e in server.log() if e["event"] in events}


def settle(server, domains):
    submit(server, domains)
    server.wait_for(lambda: outcomes(server).keys() >= set(domains), PATIENCE)
    return outcomes(server)


def carriers(server):
    """Those who have to do with it, and must not die of it."""
    return {role: pids for role, pids in server.roles().items() if role in ("siegel-queue", "siegel-sender", "siegel-resolver")}


@pytest.fixture(name="world", scope="module")
def _world():
    zones = {"evil.test": Zone(zone(), INSECURE), "liar.test": Zone("", INSECURE)}
    with Dns(zones) as dns, Liar() as liar, Hostile({"good": lambda call: call.be_good()}) as servers:
        assert servers.host("good") == GOOD
        settings = [*SETTINGS, f"sender.smtp_port={servers.port}", *dns.settings(elsewhere={"liar.test": liar.port})]
        with Server(settings=[*settings, "sender.allow_private_destinations=yes"], expected_events=("alarm",)) as server:
            server.account("kx-anna")
            server.servers, server.plain = servers, settings
            yield server


def test_domains(world):
    before = carriers(world)
    names = [f"{name}.evil.test" for name in CASES] + list(OTHERS)
    got = settle(world, names)
    want = {f"{name}.evil.test": (event, cause) for name, (_, event, cause) in CASES.items()} | OTHERS
    assert {name: got[name] for name in want} == want
    assert carriers(world) == before


def test_liars(world):
    """Whatever the answer is, it leads to an honest address of his own, or nowhere; and mail elsewhere goes on."""
    before = carriers(world)
    got = settle(world, [f"{lie}.liar.test" for lie in LIES])
    assert {event for event, _ in got.values()} <= {"relayed", "deferred", "failed"}
    assert not [subject for subject in world.servers.taken["good"] if subject.endswith("liar.test")]
    submit(world, ["mx-alias.evil.test"])
    world.wait_for(lambda: world.servers.taken["good"].count("mx-alias.evil.test") == 2, PATIENCE)
    assert carriers(world) == before


def test_never_inside(world):
    calls = world.servers.calls["good"]
    with Server(settings=world.plain, expected_events=("alarm",)) as server:
        server.account("kx-anna")
        got = settle(server, [f"{name}.inside.evil.test" for name in INSIDE])
        assert {event for event, _ in got.values()} <= {"deferred", "failed"}, got
        assert not server.log("server_reached")
        reasons = {e["destination"]: e["reason"] for e in server.log() if "reason" in e and "destination" in e}
        assert all("no public one" in reasons[f"{name}.inside.evil.test"] for name in INSIDE), reasons
    assert world.servers.calls["good"] == calls

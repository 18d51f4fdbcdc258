# SPDX-License-Identifier: Apache-2.0
"""The resolver against a signed tree of zones on loopback, and against a server that lies."""
import concurrent.futures
import os
import signal

import pytest

from harness.dns import INSECURE, PLAIN, Dns, Zone
from harness.liar import LIES, Liar
from harness.server import Server


def lookup(server, name, kind="A"):
    return server.objects("dns", "lookup", name, kind)


def state(server):
    return server.objects("dns", "status")[0]


def wait_settled(server, timeout=90):
    return server.wait_for(lambda: (now := state(server))["state"] != "being tried" and now, timeout)


@pytest.fixture(name="world", scope="module")
def _world():
    zones = {"liar.test": Zone("", INSECURE), "later.test": Zone(PLAIN, INSECURE)}
    with Dns(zones) as dns, Liar() as liar:
        with Server(settings=dns.settings(elsewhere={"liar.test": liar.port})) as server:
            assert wait_settled(server)["state"] == "validates"
            server.dns, server.liar = dns, liar
            yield server


# name, type: outcome, secure, canonical name, first alias secure, records
ANSWERS = {
    ("secure.test", "MX"): ("found", True, None, False, ["10 mx1.secure.test.", "20 mx2.secure.test."]),
    ("SECURE.Test.", "MX"): ("found", True, "secure.test", False, ["10 mx1.secure.test.", "20 mx2.secure.test."]),
    ("mx1.secure.test", "A"): ("found", True, None, False, ["127.0.0.11"]),
    ("mx1.secure.test", "AAAA"): ("found", True, None, False, ["::1"]),
    ("nothing.secure.test", "MX"): ("no_data", True, None, False, []),
    ("nowhere.secure.test", "A"): ("no_name", True, None, False, []),
    ("null.secure.test", "MX"): ("found", True, None, False, ["0 ."]),
    ("x.wild.secure.test", "MX"): ("found", True, None, False, ["10 mx1.secure.test."]),
    ("insecure.test", "MX"): ("found", False, None, False, ["10 mx1.insecure.test."]),
    ("nowhere.insecure.test", "MX"): ("no_name", False, None, False, []),
    ("bogus.test", "MX"): ("bogus", False, None, False, []),
    ("good.bogus.test", "A"): ("found", True, None, False, ["127.0.0.14"]),
    ("_25._tcp.mx1.bogus.test", "TLSA"): ("bogus", False, None, False, []),
    ("expired.test", "MX"): ("bogus", False, None, False, []),
    ("chain1.secure.test", "A"): ("found", True, "mx1.secure.test", True, ["127.0.0.11"]),
    ("chain1.secure.test", "CNAME"): ("found", True, None, False, ["chain2.secure.test."]),
    ("alias-out.secure.test", "A"): ("found", False, "mx1.insecure.test", True, ["127.0.0.13"]),
    ("alias-out.secure.test", "AAAA"): ("no_data", False, "mx1.insecure.test", True, []),
    ("alias-in.insecure.test", "A"): ("found", False, "mx1.secure.test", False, ["127.0.0.11"]),
    ("alias-nowhere.secure.test", "A"): ("no_name", True, "nowhere.secure.test", True, []),
    ("alias-bogus.secure.test", "A"): ("bogus", False, "mx1.bogus.test", False, []),
    ("_25._tcp.odd.secure.test", "TLSA"): ("found", True, None, False, ["77 88 99 00"]),
    ("loop1.secure.test", "A"): ("failed", False, None, False, []),
    ("self.secure.test", "A"): ("failed", False, None, False, []),
    ("long1.secure.test", "A"): ("failed", False, None, False, []),
    ("allodd.secure.test", "MX"): ("failed", False, None, False, []),
    ("huge.secure.test", "TXT"): ("failed", False, None, False, []),
    ("11.0.0.127.in-addr.arpa", "PTR"): ("found", False, None, False, ["mx1.secure.test."]),
    ("not..a.name", "A"): ("failed", False, None, False, []),
    ("mx 1.secure.test", "A"): ("failed", False, None, False, []),
    ("x" * 64 + ".secure.test", "A"): ("failed", False, None, False, []),
}


@pytest.mark.parametrize("name,kind", ANSWERS, ids=lambda word: word[:40])
def test_answers(world, name, kind):
    outcome, secure, canonical, alias_secure, records = ANSWERS[name, kind]
    lines = lookup(world, name, kind)
    assert [line["record"] for line in lines if line["record"]] == records
    for line in lines:
        assert (line["outcome"], line["secure"], line["alias_secure"]) == (outcome, secure, alias_secure), line
        assert line["validating"] and not line["partial"] and line["canonical"] == (canonical or name)
        assert (line["reason"] != "") == (outcome in ("failed", "bogus"))


def test_bounds(world):
    """The first hundred in order; of those with odd names, what is left; texts joined."""
    hundred, crowd, mixed = (lookup(world, name + ".secure.test", "MX") for name in ("hundred", "crowd", "mixed"))
    assert len(hundred) == len(crowd) == 100 and not hundred[0]["partial"] and crowd[0]["partial"]
    assert [line["record"].split()[0] for line in crowd] == [str(number) for number in range(1, 101)]
    assert [line["record"] for line in mixed] == ["10 mx1.secure.test.", "30 mx2.secure.test."] and mixed[0]["partial"]
    assert len(lookup(world, "long.secure.test", "TXT")[0]["record"]) == 2000
    assert len(lookup(world, "texts.secure.test", "TXT")) == 20


HARMLESS = {"honest": ["127.0.0.77"], "poison": ["127.0.0.77"], "ttl": ["127.0.0.77"]}


@pytest.mark.parametrize("lie", LIES)
def test_liar(world, lie):
    """Nothing that he says is believed of others' names, nor kills anybody, and each question has its answer."""
    pids = world.roles()["siegel-resolver"]
    kind = {"mxpointer": "MX", "names": "MX", "longtext": "TXT"}.get(lie, "A")
    lines = lookup(world, f"{lie}.liar.test", kind)
    records = [line["record"] for line in lines if line["record"]]
    if lie == "giant":
        assert len(records) == 100 and lines[0]["partial"]
    elif lie == "poisonalias":
        assert records in ([], ["127.0.0.13"])  # the alias is his to set; where it leads to is not his to say
    else:
        assert records == HARMLESS.get(lie, []), lines
    assert not any(line["secure"] for line in lines)
    assert [line["record"] for line in lookup(world, "mx1.insecure.test")] == ["127.0.0.13"]
    assert world.roles()["siegel-resolver"] == pids


def test_change(world):
    world.dns.change("later.test", "new A 127.0.0.21")
    assert [line["record"] for line in lookup(world, "new.later.test")] == ["127.0.0.21"]


def test_killed(world):
    """A new one is started and proves itself anew; nobody else notices."""
    before = world.roles()
    os.kill(before["siegel-resolver"][0], signal.SIGKILL)
    world.expected.add("process_died")
    world.wait_for(lambda: world.roles().get("siegel-resolver") not in (None, before["siegel-resolver"]))

    def answered():
        done = world.command("dns", "lookup", "secure.test", "MX", "--json", check=False)
        assert "no answer in time" not in done.stdout
        return done.returncode == 0 and '"secure":true' in done.stdout

    world.wait_for(answered, 60)
    assert {role: pids for role, pids in world.roles().items() if role != "siegel-resolver"} == {
        role: pids for role, pids in before.items() if role != "siegel-resolver"}


def test_asked_while_it_begins(world):
    """A question that comes before the first proof waits for it, and no longer."""
    before = world.roles()["siegel-resolver"]
    with concurrent.futures.ThreadPoolExecutor() as pool, world.dns.held():
        os.kill(before[0], signal.SIGKILL)
        world.expected.add("process_died")
        world.wait_for(lambda: world.roles().get("siegel-resolver") not in (None, before), 60)
        question = pool.submit(lookup, world, "secure.test", "MX")
        world.wait_for(lambda: (now := state(world))["open"] == 1 and now["state"] == "being tried", 60)
    line = question.result()[0]
    assert (line["outcome"], line["secure"]) == ("found", True), line


def test_another_key(tmp_path):
    """With a key that is not the root's everything signed looks forged: after some tries DANE goes off by an alarm, and mail
    could go on. With the right key again, a reload suffices."""
    anchor = tmp_path / "anchor"
    with Dns() as dns, Dns() as other:
        anchor.write_text(other.anchor.read_text())
        settings = [s for s in dns.settings() if not s.startswith("resolver.trust_anchor")]
        with Server(settings=[*settings, f"resolver.trust_anchor={anchor}"]) as server:
            assert wait_settled(server)["state"] == "does not validate"
            (said,) = server.wait_for(lambda: server.log("dns_not_validating"))
            assert "forged" in said["reason"]
            line = lookup(server, "secure.test", "MX")[0]
            assert (line["outcome"], line["secure"], line["validating"]) == ("found", False, False)
            assert lookup(server, "bogus.test", "MX")[0]["outcome"] == "found"
            anchor.write_text(dns.anchor.read_text())
            server.command("reload")
            server.wait_for(lambda: server.log("dns_validates"))
            server.wait_for(lambda: lookup(server, "secure.test", "MX")[0]["secure"])


def test_blind_to_bogus():
    """What ought to be found out is taken for good: not validating."""
    with Dns({"open.test": Zone(PLAIN, INSECURE)}) as dns:
        settings = [s for s in dns.settings() if not s.startswith("resolver.probe_bogus")]
        with Server(settings=[*settings, "resolver.probe_bogus=mx1.open.test"]) as server:
            assert wait_settled(server)["state"] == "does not validate"
            assert "taken for good" in server.wait_for(lambda: server.log("dns_not_validating"))[0]["reason"]


def test_no_key(tmp_path):
    with Dns() as dns, Server(settings=[*dns.settings()[1:], f"resolver.trust_anchor={tmp_path}/none"]) as server:
        assert wait_settled(server)["state"] == "does not validate"
        assert lookup(server, "secure.test", "MX")[0]["outcome"] == "found"


@pytest.mark.parametrize("text", ("nonsense here\n", ". IN DS x y z\n", "-----BEGIN CERTIFICATE-----\n"))
def test_broken_key(tmp_path, text):
    """The server starts and mail goes on; the alarm names the line that cannot be read."""
    anchor, hints = tmp_path / "anchor", tmp_path / "hints"
    hints.write_text("a.root-servers.net. 3600000 IN A nonsense\n. A\n")
    with Dns() as dns:
        anchor.write_text(dns.anchor.read_text() + text)
        settings = [s for s in dns.settings() if not s.startswith("resolver.trust_anchor")]
        with Server(settings=[*settings, f"resolver.trust_anchor={anchor}", f"resolver.root_hints={hints}"]) as server:
            assert wait_settled(server)["state"] == "does not validate"
            (said,) = server.wait_for(lambda: server.log("dns_not_validating"))
            assert "trust_anchor" in said["reason"] and text.strip() in said["reason"]
            assert lookup(server, "secure.test", "MX")[0]["outcome"] == "found"


def test_no_dns():
    """The server starts at once and serves; questions fail, each in time; when the DNS comes back so does the rest."""
    with Dns() as dns:
        settings = dns.settings()
        dns.stop()
        with Server(settings=settings) as server:
            with server.connect("smtp") as client:
                assert client.recv(100).startswith(b"220 ")
            assert not server.log("dns_not_proved")  # which takes three tries: nobody has waited for it
            assert wait_settled(server, 60)["state"] == "not proved"
            assert lookup(server, "secure.test", "MX")[0]["outcome"] == "failed"
            assert server.wait_for(lambda: server.log("dns_not_proved")) and not server.log("dns_not_validating")
            server.wait_for(lambda: "dns_not_proved" in [alarm["alarm"] for alarm in server.objects("alarm", "list")])


def test_forwarder():
    """All questions go to one server; names for local use too, since it may know them."""
    with Dns() as dns:
        settings = [s for s in dns.settings() if not s.startswith("resolver.stub")]
        forward = ["resolver.stub=", "resolver.mode=forward", f"resolver.forward=127.0.0.1@{dns.port}"]
        with Server(settings=[*settings, *forward]) as server:
            assert wait_settled(server)["state"] == "validates"
            assert lookup(server, "secure.test", "MX")[0]["secure"]
            assert lookup(server, "bogus.test", "MX")[0]["outcome"] == "bogus"
            assert lookup(server, "11.0.0.127.in-addr.arpa", "PTR")[0]["record"] == "mx1.secure.test."

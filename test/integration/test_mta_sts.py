# SPDX-License-Identifier: Apache-2.0
"""MTA-STS from record to policy: found by DNS, fetched by verified HTTPS, kept, and honoured where it cannot be had."""
import os
import signal
import threading

import pytest

from harness.dns import INSECURE, Dns, Zone
from harness.https import Authority, Web
from harness.server import Server

ZONE = """\
@ MX 10 mx
mx A 127.0.0.31
_mta-sts TXT "v=STSv1; id=1"
mta-sts A 127.0.0.1
"""


@pytest.fixture(name="authority", scope="module")
def _authority():
    authority = Authority()
    yield authority
    authority.close()


class World:
    def __init__(self, dns, web, server):
        self.dns, self.web, self.server = dns, web, server

    def ask(self, domain="sts.test"):
        return self.server.objects("verify", "mta-sts", domain)[0]


@pytest.fixture(name="world")
def _world(authority):
    certificate = authority.sign("mta-sts.sts.test", "mta-sts.other.sts.test")
    zones = {"sts.test": Zone(ZONE, INSECURE, ttl=0)}
    with Dns(zones) as dns, Web(certificate) as web:
        settings = [*dns.settings(), f"sender.https_port={web.port}", "sender.allow_private_destinations=yes",
                    f"sender.ca_extra={authority.certificate}"]
        with Server(settings=settings) as server:
            web.policy(patterns=("mx.sts.test", "*.backup.test"))
            yield World(dns, web, server)


def test_fetched(world):
    answer = world.ask("STS.test")
    assert (answer["found"], answer["kept"], answer["mode"], answer["id"]) == (True, False, "enforce", "1"), answer
    assert answer["mx"] == ["mx.sts.test", "*.backup.test"] and answer["max_age"] == 86400
    assert world.web.requests[0].startswith("GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.sts.test\r\n")
    assert world.ask()["found"] and len(world.web.requests) == 1  # the id is the same


def test_absent(world):
    for domain in ("insecure.test", "nowhere.test", "mx.sts.test"):
        answer = world.ask(domain)
        assert not answer["found"] and answer["reason"]
    world.dns.change("sts.test", '_mta-sts TXT "v=STSv1; id=2"')  # two records: none
    assert not world.ask()["found"] and not world.web.requests


def test_new_id(world):
    assert world.ask()["mode"] == "enforce"
    world.web.policy(mode="testing", patterns=("a.test",))
    assert world.ask()["mode"] == "enforce"  # no new id: nothing is fetched
    world.dns.change("sts.test", '_mta-sts TXT "v=STSv1; id=2"', without=["_mta-sts"])
    answer = world.ask()
    assert (answer["mode"], answer["id"], answer["mx"]) == ("testing", "2", ["a.test"])
    assert len(world.web.requests) == 2


BAD = {
    "status": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: https://mta-sts.sts.test/x\r\nContent-Length: 0\r\n\r\n",
    "not a policy": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    "HTML": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nversion: STSv1\nmode: none\nmax_age: 1\n",
    "no HTTP": b"220 hello\r\n",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 500\r\n\r\nversion: STSv1\nmode: none\nmax_age: 1\n",
    "giant": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"x" * (1 << 20),
    "endless header": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100000,
    "nothing": b"",
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_answers(world, bad):
    """Without a kept policy there is none; with one, that holds on."""
    good = world.web.answer
    world.web.answer = BAD[bad]
    answer = world.ask()
    assert not answer["found"] and not answer["kept"] and answer["reason"], answer
    requests = len(world.web.requests)
    assert not world.ask()["found"] and len(world.web.requests) == requests  # not tried again at once
    world.web.answer = good
    world.dns.change("sts.test", '_mta-sts TXT "v=STSv1; id=2"', without=["_mta-sts"])
    assert world.ask()["id"] == "2"
    world.web.answer = BAD[bad]
    world.dns.change("sts.test", '_mta-sts TXT "v=STSv1; id=3"', without=["_mta-sts"])
    answer = world.ask()
    assert (answer["found"], answer["kept"], answer["id"], answer["mode"]) == (True, True, "2", "enforce"), answer


def test_kept(world):
    """DNS or HTTPS held back do not switch a policy off, nor does a new start."""
    assert world.ask()["found"]
    world.dns.change("sts.test", without=["_mta-sts"])
    answer = world.ask()
    assert (answer["found"], answer["kept"]) == (True, True)
    world.server.stop()
    world.server.start()
    assert world.ask()["kept"]
    os.kill(world.server.roles()["siegel-fetcher"][0], signal.SIGKILL)
    world.server.expected.add("process_died")
    assert world.ask()["kept"]


def test_another_ledger(world):
    """What was fetched for one that has died is no answer to what its successor asks, of another domain."""
    world.dns.change("sts.test", '_mta-sts.other TXT "v=STSv1; id=1"\nmta-sts.other A 127.0.0.1')
    world.web.policy(patterns=("mx.other.test",), host="mta-sts.other.sts.test")
    world.web.gates = {f"mta-sts.{domain}": threading.Event() for domain in ("sts.test", "other.sts.test")}
    answers = []

    def asker(domain):
        thread = threading.Thread(target=lambda: answers.append(
            world.server.command("verify", "mta-sts", domain, "--json", check=False).stdout), daemon=True)
        thread.start()
        return thread

    def is_asked(host):
        return any(f"Host: {host}\r\n" in request for request in world.web.requests)

    first = asker("sts.test")
    world.server.wait_for(lambda: is_asked("mta-sts.sts.test"), 60)
    old = world.server.roles()["siegel-ledger"]
    world.server.expected.add("process_died")
    os.kill(old[0], signal.SIGKILL)
    first.join(60)
    world.server.wait_for(lambda: world.server.roles().get("siegel-ledger") not in (None, old), 60)
    second = asker("other.sts.test")
    world.server.wait_for(lambda: is_asked("mta-sts.other.sts.test"), 60)
    world.web.gates["mta-sts.sts.test"].set()
    second.join(1)  # so long a wrong answer has, and none comes
    world.web.gates["mta-sts.other.sts.test"].set()
    second.join(60)
    assert answers[0] == "" and '"mx":["mx.other.test"]' in answers[1], answers


def test_runs_out(world):
    world.web.policy(max_age=0)
    assert world.ask()["found"]
    world.dns.change("sts.test", without=["_mta-sts"])
    world.server.wait_for(lambda: not world.ask()["found"])


def test_wrong_certificates(authority, world):
    other = authority.sign("other.sts.test")
    world.web.context.load_cert_chain(other)
    answer = world.ask()
    assert not answer["found"] and not world.web.requests, answer
    assert answer["result"] == "sts-webpki-invalid", answer


def test_private_addresses(authority):
    """Unless the tests say so, nobody is sent to the machines of our own house."""
    with Dns({"sts.test": Zone(ZONE, INSECURE, ttl=0)}) as dns, Web(authority.sign("mta-sts.sts.test")) as web:
        settings = [*dns.settings(), f"sender.https_port={web.port}", f"sender.ca_extra={authority.certificate}"]
        with Server(settings=settings) as server:
            web.policy()
            answer = server.objects("verify", "mta-sts", "sts.test")[0]
            assert not answer["found"] and "loopback" in answer["reason"] and not web.requests

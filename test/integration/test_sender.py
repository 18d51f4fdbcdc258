# SPDX-License-Identifier: Apache-2.0
"""Mail leaves for real servers: Postfix with certificates that are right and wrong, behind routes that demand one thing or
another."""
import json
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.outside import Certificates, Postfix  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="Postfix runs its programs as several users, which needs root")

MESSAGE = b"From: anna@example.test\r\nTo: you@remote.test\r\nSubject: out\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n" \
          b"Message-ID: <%d@example.test>\r\n\r\nhello\r\n.dot\r\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"), host="127.0.0.1")


def routes(port, **words):
    words = {"host": "127.0.0.1", "port": port, **words}
    return "routes.table=" + " ".join(f"remote.test/{key}={value}" for key, value in words.items())


def submit(server, *recipients, number=1):
    client = Smtp.to(server, "submissions")
    assert client.login("kx-anna", PASSWORD).code == 235
    reply = client.envelope("anna@example.test", *recipients)
    assert reply.code == 250, reply
    reply = client.data(MESSAGE.replace(b"%d", str(number).encode()))
    assert reply.code == 250, reply
    client.close()


def outcome(server, timeout=60):
    """The first thing that is said of a message's way out."""
    events = ("message_relayed", "message_deferred", "message_failed", "destination_failed")
    return server.wait_for(lambda: [e for e in server.log() if e["event"] in events], timeout=timeout)[0]


def siegel(*settings):
    return Server(settings=["queue.retry_first=1s", "queue.retry_max=1s", *settings])


def test_plain_to_postfix():
    with Postfix("remote.test") as postfix, siegel(routes(postfix.port, tls="none")) as server:
        server.account("kx-anna")
        submit(server, "you@remote.test")
        postfix.wait_for("to=<you@remote.test>")
        assert outcome(server)["event"] == "message_relayed"
        server.wait_for(lambda: server.objects("queue", "list") == [])


# route's tls, certificate, what comes of it
TLS = (("may", "good", "message_relayed"), ("may", "expired", "message_relayed"), ("may", None, "message_relayed"),
       ("encrypt", "self", "message_relayed"), ("encrypt", None, "destination_failed"),
       ("verify", "good", "message_relayed"), ("verify", "wrong-name", "destination_failed"),
       ("verify", "expired", "destination_failed"), ("verify", "self", "destination_failed"),
       ("verify", None, "destination_failed"))


@pytest.mark.parametrize("tls, kind, expected", TLS)
def test_tls(certificates, tls, kind, expected):
    shown = (certificates, kind) if kind else None
    with Postfix("remote.test", tls=shown) as postfix:
        authority = certificates.folder / "ca.pem"
        with siegel(routes(postfix.port, host="127.0.0.1", tls=tls), f"sender.ca_extra={authority}") as server:
            server.account("kx-anna")
            submit(server, "you@remote.test")
            got = outcome(server)
            assert got["event"] == expected, got
            if expected == "message_relayed":
                log = server.wait_for(lambda: server.log("server_reached"))
                assert (log[0]["tls"] != "none") == (kind is not None)
                assert log[0]["verified"] == ("yes" if tls == "verify" else "no")
            else:
                assert "to=<you@remote.test>" not in postfix.log_text()


def test_route_test(certificates):
    with Postfix("remote.test", tls=(certificates, "good")) as postfix, siegel(routes(postfix.port, tls="encrypt")) as server:
        route, policy, host, connection = server.objects("route", "test", "REMOTE.test", "--connect")
        assert (route["route"], route["to"], route["protocol"], route["tls"]) == ("remote.test", "127.0.0.1", "smtp", "encrypt")
        assert policy["mode"] == "none"
        assert host["addresses"] == ["127.0.0.1"] and host["action"] == "encrypt" and host["mx"] == "route"
        assert "preference" not in host  # no MX record named it
        assert connection["state"] == "ready for mail" and connection["tls"] == "TLSv1.3" and not connection["verified"]
        objects = server.command("route", "test", "remote.test").stdout.split("\n\n")  # for people: a line for each fact
        assert [o.partition("\n")[0] for o in objects] == ["route: remote.test", "mta_sts: remote.test", "host: 127.0.0.1"]
        assert "\naddresses: 127.0.0.1\n" in objects[2] and "\naction: encrypt\n" in objects[2]
        refused = server.command("route", "test", "no domain", check=False)
        assert refused.returncode == 1 and "not a domain" in refused.stderr
        postfix.wait_for("disconnect from")
    lmtp = " lmtp.test/host=127.0.0.1 lmtp.test/protocol=lmtp lmtp.test/tls=none"
    with siegel(routes(postfix.port) + lmtp) as server:
        assert [host["port"] for host in server.objects("route", "test", "lmtp.test") if "port" in host] == [24]
        assert server.objects("route", "test", "remote.test", "--connect")[-1]["cause"] == "unreachable"


def test_route_test_of_own_domains():
    """Their mail stays here, whatever routes there are; or leaves by one of its own, and then that is what is shown."""
    ways = "routes.table=inner.test/host=127.0.0.1 inner.test/port=9 inner.test/tls=none */host=127.0.0.1 */port=9"
    with Server(settings=[ways]) as server:
        for words in (["other.test", "--alias-of", "example.test"], ["inner.test", "--inner"], ["lost.test", "--inner"], ["bücher.test"]):
            server.command("domain", "add", *words)

        def test(domain, *more):
            return server.objects("route", "test", domain, *more)

        here, = test("Example.TEST", "--connect")
        assert here["state"] == "here" and here["reason"] == "the domain is ours: its mail stays here"
        here, = test("other.test")
        assert here["state"] == "here" and "another name of example.test" in here["reason"]
        assert test("bücher.test")[0]["state"] == "here"
        inner, route, _, host = test("inner.test")
        assert inner["state"] == "inner" and "its own route" in inner["reason"]
        assert (route["route"], route["to"], route["tls"]) == ("inner.test", "127.0.0.1", "none")
        assert (host["host"], host["port"], host["mx"], host["action"]) == ("127.0.0.1", 9, "route", "plain")
        inner, lost = test("lost.test")
        assert inner["state"] == "inner" and (lost["state"], lost["cause"]) == ("not now", "route")
        assert "no route with a host" in lost["reason"]
        assert [o.get("route") for o in test("elsewhere.test")][0] == "*"
        server.command("stop")
        assert server.command("route", "test", "example.test").stdout.startswith("domain: example.test\nstate: here\n")
        refused = server.command("route", "test", "elsewhere.test", check=False)
        assert refused.returncode == 1 and "does not run" in refused.stderr


def check(server):
    """What `siegel check` finds, with the settings of the test: subject -> (level, finding)."""
    words = [word for setting in server.settings for word in ("--set", setting)]
    lines = server.command("check", "--json", *words, check=False).stdout.splitlines()
    return {f["subject"]: (f["level"], f["finding"]) for f in map(json.loads, lines)}


def test_login_that_is_missing():
    """Nothing leaves as a stranger's where the route says that we log in, and it is said what to do."""
    with Postfix("remote.test") as postfix:
        server = siegel(routes(postfix.port, tls="none", auth="inner"))
        server.expected.add("alarm")
        with server:
            server.account("kx-anna")
            submit(server, "you@remote.test")
            got = outcome(server)
            assert (got["event"], got["cause"]) == ("destination_failed", "route") and "route-logins" in got["reason"]
            (alarm,) = server.logged("alarm")
            assert (alarm["route"], alarm["auth"]) == ("remote.test", "inner") and "NAME LOGIN PASSWORD" in alarm["advice"]
            level, finding = check(server)["route-logins"]
            assert level == "error" and '"inner LOGIN PASSWORD"' in finding
            logins = server.folder / "route-logins"
            logins.write_text("inner me secret\n")
            logins.chmod(0o640)
            assert "chmod 600" in check(server)["route-logins"][1]
            logins.chmod(0o600)
            assert "route-logins" not in check(server)
            assert "password for remote.test" in check(server)["routes"][1]
            server.settings[-2:] = [routes(postfix.port, tls="verify", auth="inner"), server.settings[-1]]
            assert "routes" not in check(server)
            assert "to=<you@remote.test>" not in postfix.log_text()


def test_files_that_are_missing():
    with siegel() as server:
        assert not check(server).keys() & {"resolver.trust_anchor", "resolver.root_hints", "sender.ca_extra"}
        server.settings += ["resolver.trust_anchor=nowhere.key", "resolver.root_hints=nowhere.hints", "sender.ca_extra=nowhere.pem"]
        found = check(server)
        for subject, level, name in (("resolver.trust_anchor", "warning", "nowhere.key"), ("resolver.root_hints", "warning", "nowhere.hints"),
                                     ("sender.ca_extra", "error", "nowhere.pem")):
            assert found[subject][0] == level and f"no file {name}" in found[subject][1]

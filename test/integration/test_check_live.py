# SPDX-License-Identifier: Apache-2.0
"""siegel check --live: all is well with a server as it is installed, and what is not well is found."""
import json
import os
import shutil

import pytest

from harness import server

ORDINARY = 65534
USERS = [None, ORDINARY] if os.geteuid() == 0 else [None]
SERVICES = {"smtp", "submission", "submissions", "lmtp"}


def check(s, *words):
    done = s.command("check", "--live", "--json", *words, check=False)
    assert not done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def errors(findings):
    return [f for f in findings if f["level"] == "error"]


@pytest.mark.parametrize("user", USERS)
def test_a_good_server(user):
    with server.Server(user=user) as s:
        for _ in range(2):
            status, findings = check(s)
            good = [f for f in findings if f["level"] == "ok"]
            assert status == 0 and not errors(findings), errors(findings)
            assert all(f["milliseconds"] < 60000 for f in good)
            assert {f["subject"] for f in good if "percent hack" in f["finding"]} == SERVICES
            for words in ("came back as it was sent", "bare LF", "VRFY", "EXPN", "before STARTTLS", "without TLS"):
                assert [f for f in good if words in f["finding"]], words
        # Nothing stays behind: no mail, no login, no alarm, no network to be allowed.
        # The mailbox tells how much it holds within a second or so.
        (account,) = s.wait_for(lambda: [a for a in s.objects("account", "list")
                                         if a["login"] == "siegel-live-check" and a["messages"] == 0])
        assert account["state"] == "suspended"
        assert not [a for a in s.objects("alarm", "list") if a["alarm"] != "dns_not_proved"] and not s.objects("policy", "networks")
        phrases = [e for e in s.log() if "password" in e]
        assert not phrases


def test_an_open_relay_is_found():
    with server.Server(settings=["relay.relay_networks=127.0.0.0/8"]) as s:
        status, findings = check(s)
        assert status == 1
        assert {f["subject"] for f in errors(findings) if "relay" in f["finding"]} == {"smtp"}


def test_a_certificate_that_is_not_served_is_found():
    with server.Server() as s, server.Server(domain="other.test") as other:
        shutil.copy(other.folder / "keys" / "tls.crt", s.folder / "keys" / "tls.crt")
        status, findings = check(s)
        assert status == 1
        assert [f for f in errors(findings) if f["subject"] == "smtp" and "TLS" in f["finding"]], errors(findings)
        assert [a for a in s.objects("account", "list") if a["login"] == "siegel-live-check"][0]["state"] == "suspended"


def test_a_server_that_does_not_run():
    s = server.Server()
    try:
        s.init()
        status, findings = check(s)
        assert status == 1 and [f for f in errors(findings) if f["subject"] == "live"]
    finally:
        s.clean()

# SPDX-License-Identifier: Apache-2.0
"""siegel queue while no server runs: the queue is looked at and changed, nothing comes in and nothing goes out."""
import smtplib

from harness import server

MESSAGE = "From: anna@example.test\r\nSubject: %s\r\n\r\ntext\r\n"


def submit(s, recipient, subject):
    context = s.tls_context()
    context.check_hostname = False  # it is spoken to by its address
    with smtplib.SMTP_SSL("127.0.0.1", s.port("submissions"), context=context) as session:
        session.login("kx-anna", server.PASSWORD)
        session.sendmail("anna@example.test", [recipient], MESSAGE % subject)


def states(s):
    return {m["recipients"][0]: m["state"] for m in s.objects("queue", "list")}


def test_the_queue_without_a_server():
    # nobody answers for names, so that mail for others waits
    with server.Server(settings=["resolver.forward=127.0.0.1@9"]) as s:
        s.account("kx-anna")
        for name in ("x", "y", "z"):
            submit(s, f"{name}@elsewhere.test", name)
        s.wait_for(lambda: len(states(s)) == 3)
        waits = s.wait_for(lambda: [d for d in s.objects("queue", "destinations")
                                    if d["failures"] > 0 and "reason" in d])  # the reason is stored a little later
        assert [(d["destination"], d["messages"], d["standing"]) for d in waits] == [("elsewhere.test", 3, "slow")], waits
        assert "next" in waits[0], waits
        table = s.command("queue", "destinations", "--limit", "1").stdout.splitlines()
        assert table[0].split() == ["destination", "messages", "next", "failures", "distance", "reason"]
        assert table[1].split()[:2] == ["elsewhere.test", "3"] and len(table) == 2
        assert s.objects("queue", "destinations", "--domain", "nowhere.test") == []
        s.stop()
        (stored,) = s.objects("queue", "destinations", "--domain", "ELSEWHERE.test")
        assert (stored["messages"], stored["failures"]) == (3, waits[0]["failures"]) and "next" in stored, stored
        before = len(s.log())
        numbers = {m["recipients"][0][0]: m["id"] for m in s.objects("queue", "list")}
        assert set(states(s).values()) <= {"remote", "deferred"}, states(s)
        shown = s.objects("queue", "show", numbers["x"])
        assert shown[0]["sender"] == "anna@example.test" and shown[1]["recipient"] == "x@elsewhere.test", shown
        s.command("queue", "hold", "--id", numbers["x"])
        s.command("queue", "hold", "--recipient", "y@elsewhere.test")
        assert states(s)["x@elsewhere.test"] == states(s)["y@elsewhere.test"] == "held"
        s.command("queue", "release", "--id", numbers["y"])
        assert states(s)["y@elsewhere.test"] != "held"
        s.command("queue", "delete", "--id", numbers["z"])
        assert set(states(s)) == {"x@elsewhere.test", "y@elsewhere.test"}
        assert s.command("queue", "show", numbers["z"], check=False).returncode != 0
        assert "no such message" in s.command("queue", "show", numbers["z"], check=False).stderr
        events = {e["event"] for e in s.log()[before:]}
        assert not events & {"message_accepted", "message_delivered", "message_relayed", "message_failed", "notice_made"}
        s.start()  # what was decided without a server holds with one
        assert states(s)["x@elsewhere.test"] == "held" and len(states(s)) == 2

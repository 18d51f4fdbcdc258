# SPDX-License-Identifier: Apache-2.0
"""An alarm reaches the people whom the configuration names, once an hour for each kind."""
from harness import server


def forbidden_relay(s, recipient):
    with s.connect("smtp") as session:
        for line in (b"EHLO x.example", b"MAIL FROM:<a@elsewhere.test>", b"RCPT TO:<" + recipient + b">"):
            session.recv(4000)
            session.sendall(line + b"\r\n")
        assert session.recv(4000).startswith(b"550")


def texts(s, login):
    with s.connect("imaps") as session:
        stream = session.makefile("rwb")
        stream.readline()
        stream.write(b"a LOGIN " + login.encode() + b" \"" + server.PASSWORD.encode() + b"\"\r\nb SELECT INBOX\r\n"
                     b"c UID FETCH 1:* BODY.PEEK[]\r\nd LOGOUT\r\n")
        stream.flush()
        return stream.read().decode()


def alarms(s):
    """But for that of the DNS, which these tests do without."""
    return [alarm for alarm in s.objects("alarm", "list") if alarm["alarm"] != "dns_not_proved"]


def test_alarms_are_mailed():
    people = ["server.administrator=anna@example.test", "server.deputy=deputy@example.test"]
    with server.Server(settings=people) as s:
        for login in ("kx77-anna", "kx78-bert", "kx79-cleo"):
            s.account(login)
        s.command("alias", "add", "deputy@example.test", "bert@example.test")
        for _ in range(3):
            forbidden_relay(s, b"victim@elsewhere.test")
        s.wait_for(lambda: all("Subject: Alarm: relay_network" in texts(s, login) for login in ("kx77-anna", "kx78-bert")))
        for login in ("kx77-anna", "kx78-bert"):
            text = texts(s, login)
            assert text.count("Subject: Alarm: relay_network") == 1, text
            assert "meldet einen Alarm" in text and "raises an alarm" in text
            assert "Ein Netz wurde abgewiesen, das vielleicht eine Zeile in relay_networks braucht." in text
            assert "a network that may need a line in relay_networks was refused" in text
            assert "siegel alarm list" in text and "127.0.0" in text and "Auto-Submitted: auto-generated" in text
        assert "Subject: Alarm" not in texts(s, "kx79-cleo")
        assert len(alarms(s)) == 1


def test_without_addresses_nothing_is_mailed():
    with server.Server() as s:
        forbidden_relay(s, b"victim@elsewhere.test")
        s.wait_for(lambda: alarms(s))
        assert not s.log("message_accepted")

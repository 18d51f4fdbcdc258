# SPDX-License-Identifier: Apache-2.0
"""The supervisor and the command: start and end, deaths and new starts, a new configuration, who may command, and what is
said when something is wrong."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from harness import server
from harness.imap import Client
from harness.smtp import Smtp

MESSAGE = b"From: anna@example.test\r\nSubject: here\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nhello\r\n"
STRANGER, ORDINARY = 65533, 65534
USERS = [None, ORDINARY] if os.geteuid() == 0 else [None]
ROLES = ["logger", "hasher", "keyring", "resolver", "ledger", "fetcher", "directory", "filter", "queue", "mailroom", "greeter", "receiver", "frontdoor", "control"]


def banner(s, service="smtp"):
    with s.connect(service) as connection:
        return connection.recv(200)


def status(s):
    """(role, instance) -> the latest process of it."""
    return {(p["role"], p["instance"]): p for p in s.objects("status") if p["state"] != "retiring"}


def made(**arguments):
    """An installation that does not run yet."""
    s = server.Server(**arguments)
    s.init()
    return s


NO_LANDLOCK = [sys.executable, str(pathlib.Path(__file__).resolve().parent.parent / "harness" / "without_landlock.py")]


def serve(s, *words, wrapper=()):
    """`siegel serve` that is to fail: its status, and what it said."""
    done = subprocess.run(s.as_user([*wrapper, str(server.build_folder() / "siegel"), "serve", "-c", str(s.conf), *words]),
                          capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.fixture(name="stopped", params=USERS)
def _stopped(request):
    s = made(user=request.param)
    yield s
    s.clean()


@pytest.mark.parametrize("user", USERS)
def test_processes_are_confined(user):
    with server.Server(user=user) as s:
        processes = s.objects("status")
        for role in ROLES:
            ours = [p for p in processes if p["role"] == role]
            assert ours, role
            assert all(p["state"] == "running" and p["landlock"] >= 1 and p["seccomp"] for p in ours), ours
        assert len([p for p in processes if p["role"] == "frontdoor"]) >= 2
        assert {p["instance"] for p in processes if p["role"] == "receiver"} == {"smtp", "submission", "lmtp", "local"}
        assert all(p.get("pss_kib") or p.get("rss_kib") for p in processes)
        for service in ("smtp", "submission", "lmtp"):
            assert banner(s, service).startswith(b"220 ")
        assert banner(s, "imap").startswith(b"* OK")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")
def test_each_role_has_its_own_user():
    with server.Server() as s:
        users = {role: {os.stat(f"/proc/{pid}").st_uid for pid in pids} for role, pids in s.roles().items()}
        real = {}
        for role, pids in s.roles().items():
            for pid in pids:
                line = [x for x in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("Uid:")][0]
                real.setdefault(role, set()).add(line)
        assert all(len(uids) == 1 for uids in real.values()), (real, users)
        assert len({next(iter(uids)) for uids in real.values()}) == len(real)
        assert not any("Uid:\t0" in line for uids in real.values() for line in uids)
        for folder in ("directory", "spool", "log", "accounts", "keys"):
            assert os.stat(s.folder / folder).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("more", [0, 12])
def test_hasher_comes_last(more):
    """Its nice value is above that of the others, and counts: the kernel compares them only within one session (autogroups).
    What a terminal sends goes to the supervisor alone."""
    s, nice = made(), min(os.nice(0) + more, 19)
    try:
        s.start(wrapper=["nice", "-n", str(more)])
        for role, pids in s.roles().items():
            for pid in pids:
                wanted = min(nice + 10, 19) if role == "siegel-hasher" else nice
                assert os.getpriority(os.PRIO_PROCESS, pid) == wanted, role
                assert os.getsid(pid) == s.process.pid and os.getpgid(pid) == pid, role
        s.stop()
    finally:
        s.clean()


@pytest.mark.parametrize("role", ROLES)
def test_a_dead_process_is_started_again(role):
    with server.Server(expected_events={"process_died", "channel_broken"}) as s:
        before = [p for p in s.objects("status") if p["role"] == role][0]
        os.kill(before["pid"], signal.SIGKILL)

        def is_back():
            if s.command("status", "--json", check=False).returncode != 0:
                return False
            now = [p for p in s.objects("status") if p["role"] == role and p["instance"] == before["instance"]]
            return [p for p in now if p["state"] == "running" and p["pid"] != before["pid"]]
        assert s.wait_for(is_back)[0]["restarts"] == 1
        others = [p for p in s.objects("status") if p["role"] != role]
        assert all(p["restarts"] == 0 for p in others)
        s.account("kx77-anna")
        assert banner(s).startswith(b"220 ")
        if role != "logger":
            assert s.wait_for(lambda: s.log("process_died"))[0]["process_role"].startswith(role)


def test_a_process_that_dies_again_and_again_is_waited_for():
    with server.Server(expected_events={"process_died", "channel_broken"}) as s:
        for _ in range(3):
            pid = s.wait_for(lambda: status(s)[("filter", "")]["pid"])
            os.kill(pid, signal.SIGKILL)
            s.wait_for(lambda: status(s)[("filter", "")]["pid"] != pid)
        waits = [e["milliseconds"] for e in s.wait_for(lambda: len(s.log("process_died")) >= 3 and s.log("process_died"))]
        assert waits == [0, 1000, 2000]
        s.wait_for(lambda: s.log("alarm"))
        assert banner(s).startswith(b"220 ")


@pytest.mark.parametrize("user", USERS)
def test_reload_loses_no_connection(user):
    with server.Server(user=user) as s:
        old, refused, done = status(s), [], threading.Event()

        def knock():
            while not done.is_set():
                try:
                    assert banner(s).startswith(b"220 ")
                except (OSError, AssertionError) as e:
                    refused.append(e)
        knocking = threading.Thread(target=knock)
        knocking.start()
        with s.connect("smtp") as session:
            assert session.recv(200).startswith(b"220 ")
            s.conf.write_text(s.conf.read_text() + "smtp:\n  message_max: 70000\n")
            loaded = len(s.log("config_loaded"))
            said = s.command("reload").stdout
            s.wait_for(lambda: len(s.log("config_loaded")) > loaded)
            new = status(s)
            session.sendall(b"EHLO client.example\r\n")
            time.sleep(0.2)
            assert b"SIZE 52428800" in session.recv(4000)
        done.set()
        knocking.join()
        assert not refused
        for instance in ("smtp", "submission", "lmtp", "local"):
            assert new[("receiver", instance)]["pid"] != old[("receiver", instance)]["pid"]
        assert new[("greeter", "")]["pid"] != old[("greeter", "")]["pid"]
        for role in ("queue", "directory", "mailroom", "control", "logger"):
            assert new[(role, "")]["pid"] == old[(role, "")]["pid"]
        waits = {"at_next_start": "smtp.message_max", "processes": "filter queue"}
        assert "smtp.message_max" in said and s.objects("reload") == [waits]  # still, since the start
        with s.connect("smtp") as session:
            session.recv(200)
            session.sendall(b"EHLO client.example\r\n")
            time.sleep(0.2)
            assert b"SIZE 70000" in session.recv(4000)


@pytest.mark.parametrize("user", USERS)
def test_reload_reaches_the_directory(user):
    """Sessions of all kinds that were there before live on, and the next thing that they ask is answered by the new settings."""
    with server.Server(user=user) as s:
        s.account("kx77-anna", "anna@example.test")
        old = status(s)
        reader = Client(s.connect("imaps"))
        reader.login("kx77-anna", server.PASSWORD)
        reader.ok("SELECT INBOX")
        stranger, member = Smtp.to(s), Smtp.to(s, "submissions")
        assert member.login("kx77-anna", server.PASSWORD).code == 235
        stranger.command("MAIL FROM:<you@elsewhere.test>")
        assert stranger.command("RCPT TO:<anna-news@example.test>").code == 550
        assert stranger.command("RCPT TO:<you@elsewhere.test>").code == 550
        short = ["account", "password", "kx77-anna", "--password-stdin"]
        assert s.command(*short, input="ten chars.", check=False).returncode == 1

        good = s.conf.read_text()
        s.conf.write_text(good + "accounts: {subaddress_separator: \"-\", quota: 100M}\nlogin: {password_length: 8}\n"
                                 "relay: {relay_networks: [127.0.0.0/8]}\nlocal: {submit: none}\n")
        assert s.objects("reload") == [{"at_next_start": "local.submit", "processes": "supervisor"}]
        assert len(s.log("settings_taken")) == 1 + len([role for role, _ in old if role == "frontdoor"])
        assert stranger.command("RCPT TO:<anna-news@example.test>").code == 250
        assert stranger.command("RCPT TO:<you@elsewhere.test>").code == 250
        assert stranger.data(MESSAGE).code == 250
        assert member.envelope("anna@example.test", "anna@example.test").code == 250
        assert member.data(MESSAGE).code == 250
        s.wait_for(lambda: reader.ok("UID SEARCH ALL").of("SEARCH")[0][1:] == ["1", "2"])
        assert s.command(*short, input="ten chars.", check=False).returncode == 0
        assert status(s)[("directory", "")]["pid"] == old[("directory", "")]["pid"]

        # What is wrong changes nothing; and back again.
        s.conf.write_text(good + "accounts: {subaddress_separator: \"--\"}\n")
        assert s.command("reload", check=False).returncode == 1
        stranger.command("MAIL FROM:<you@elsewhere.test>")
        assert stranger.command("RCPT TO:<anna-news@example.test>").code == 250
        s.conf.write_text(good)
        assert s.objects("reload") == []
        assert stranger.command("RCPT TO:<anna-more@example.test>").code == 550


def test_a_process_that_dies_or_is_silent_does_not_hold_up_a_reload():
    with server.Server(expected_events={"process_died", "channel_broken"}) as s:
        pid = status(s)[("directory", "")]["pid"]
        os.kill(pid, signal.SIGSTOP)
        reload = subprocess.Popen(s.as_user([str(server.build_folder() / "siegel"), "reload", "-c", str(s.conf)]),
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        s.wait_for(lambda: s.log("settings_taken"))
        assert s.command("reload", check=False).returncode == 1  # one at a time
        os.kill(pid, signal.SIGKILL)
        assert reload.communicate(timeout=120)[0] == "" and reload.returncode == 0
        s.wait_for(lambda: status(s)[("directory", "")]["pid"] not in (0, pid))
        s.wait_for(lambda: banner(s).startswith(b"220 "))
        s.command("reload")


def test_a_wrong_configuration_changes_nothing():
    with server.Server() as s:
        good, old = s.conf.read_text(), status(s)
        s.conf.write_text(good + "smtp:\n  errors_max: many\nrelai: 1\n")
        done = s.command("reload", check=False)
        assert done.returncode == 1 and "errors_max" in done.stdout and "relai" in done.stdout
        assert done.stderr == "siegel: the configuration has mistakes; the server goes on as it was\n"
        s.process.send_signal(signal.SIGHUP)
        s.wait_for(lambda: s.log("command_refused"))
        assert s.command("status", check=False).returncode == 0
        s.conf.write_text(good)
        assert {k: p["pid"] for k, p in status(s).items()} == {k: p["pid"] for k, p in old.items()}
        s.process.send_signal(signal.SIGHUP)
        s.wait_for(lambda: status(s)[("receiver", "smtp")]["pid"] != old[("receiver", "smtp")]["pid"])


@pytest.mark.parametrize("user", USERS)
def test_stop_ends_everything(user):
    with server.Server(user=user) as s:
        pids = s.pids()
        assert s.command("stop").returncode == 0
        assert s.process.wait(timeout=60) == 0
        s.process = None
        assert not [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]
        assert s.command("status", check=False).returncode == 1
        assert not (s.folder / "run" / "control").exists()
        s.start()


def test_a_killed_supervisor_takes_its_processes_along():
    with server.Server() as s:
        pids = s.pids()
        s.process.kill()
        s.process.wait()
        s.process = None
        s.wait_for(lambda: not [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()])
        s.start()


@pytest.mark.parametrize("user", USERS)
def test_one_server_at_a_time(user):
    with server.Server(user=user) as s:
        code, said = serve(s)
        assert code == 1 and f"process {s.process.pid}" in said


def test_commands_without_a_server(stopped):
    assert [d["domain"] for d in stopped.objects("domain", "list")] == ["example.test"]
    stopped.account("kx77-anna")
    assert "kx77-anna" in stopped.command("account", "list").stdout
    phrase = stopped.command("account", "password", "kx77-anna").stdout
    assert phrase.count("\n") == 1 and len(phrase) > 15
    assert stopped.command("account", "show", "nobody-there", check=False).returncode == 1
    assert "no server runs" in stopped.command("status", check=False).stderr
    stopped.start()
    assert "kx77-anna" in stopped.command("account", "list").stdout
    stopped.stop()


def test_commands_side_by_side_without_a_server(stopped):
    commands = [subprocess.Popen(stopped.as_user([str(server.build_folder() / "siegel"), "domain", "list", "-c",
                                                  str(stopped.conf)]), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                for _ in range(4)]
    for command in commands:
        out, error = command.communicate(timeout=60)
        assert command.returncode == 0 and b"example.test" in out, error


def test_all_mistakes_are_told_at_once(stopped):
    stopped.conf.write_text("server:\n  hostname: -x\n  lisen: ['::1']\nsmpt: {}\nsmtp:\n  message_max: 1\n")
    code, said = serve(stopped)
    assert code == 1
    for line, words in ((2, "host name"), (3, '"listen"'), (4, '"smtp"'), (6, "from 64K to 1G")):
        assert [x for x in said.splitlines() if f"{stopped.conf}:{line}:" in x and words in x], (line, said)


def test_without_landlock_nothing_starts(stopped):
    code, said = serve(stopped, wrapper=NO_LANDLOCK)
    assert code == 1 and "a kernel with Landlock and seccomp is needed, or confinement.required: no" in said


def test_without_landlock_if_the_configuration_says_so(stopped):
    stopped.settings = ["confinement.required=no"]
    stopped.start(wrapper=NO_LANDLOCK)
    try:
        assert {(p["landlock"], p["seccomp"]) for p in stopped.objects("status") if p["role"] != "supervisor"} == {(0, True)}
        assert banner(stopped, "smtp").startswith(b"220 ")
        assert [a for a in stopped.objects("alarm", "list") if a["alarm"] == "confinement_missing"]
    finally:
        stopped.stop()


def test_only_services_that_are_named_listen(stopped):
    stopped.settings = ["server.services=smtp imaps"]
    stopped.start()
    try:
        assert banner(stopped, "smtp").startswith(b"220 ")
        for service in ("submission", "submissions", "lmtp", "imap"):
            with pytest.raises(ConnectionRefusedError):
                stopped.connect(service)
        assert {p["instance"] for p in stopped.objects("status") if p["role"] == "receiver"} == {"smtp", "local"}
    finally:
        stopped.stop()


def test_a_port_in_use_is_explained(stopped):
    with socket.socket() as other:
        other.bind(("127.0.0.1", stopped.port("smtp")))
        other.listen()
        code, said = serve(stopped)
    assert code == 1 and f"port {stopped.port('smtp')} (smtp)" in said and "Postfix" in said


def test_check_names_the_program_on_a_port(stopped):
    program = ("import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(); print('up', flush=True); "
               "sys.stdin.read()")
    with subprocess.Popen(stopped.as_user([sys.executable, "-c", program, str(stopped.port("submission"))]),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"up\n"
        done = stopped.command("check", check=False)
        other.stdin.close()
    assert done.returncode == 1
    assert f"port {stopped.port('submission')} (submission) is held by" in done.stdout and f"(process {other.pid})" in done.stdout


def test_a_key_that_others_can_read_is_refused(stopped):
    os.chmod(stopped.folder / "keys" / "tls.key", 0o644)
    code, said = serve(stopped)
    assert code == 1 and "tls.key can be read by others" in said
    os.unlink(stopped.folder / "keys" / "tls.key")
    code, said = serve(stopped)
    assert code == 1 and "tls.key" in said and "siegel init" in said


def test_a_folder_that_others_can_enter_is_refused(stopped):
    os.chmod(stopped.folder / "spool", 0o755) if (stopped.folder / "spool").exists() else os.mkdir(stopped.folder / "spool", 0o755)
    code, said = serve(stopped)
    assert code == 1 and "spool" in said and ("chmod 700" in said or "chown" in said)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")
@pytest.mark.parametrize("user", USERS)
def test_strangers_command_nothing(user):
    with server.Server(user=user) as s:
        os.chmod(s.base, 0o755)
        os.chmod(s.conf, 0o644)
        command = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups",
                   str(server.build_folder() / "siegel"), "status", "-c", str(s.conf)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and not done.stdout
        os.chmod(s.folder / "run" / "control", 0o666)  # the door itself asks who comes
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and not done.stdout
        assert s.command("status").returncode == 0


def test_readiness_is_told_to_the_service_manager(stopped, tmp_path):
    path = str(stopped.base / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        os.chmod(path, 0o777)
        manager.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = path
        try:
            stopped.start()
            assert manager.recv(100) == b"READY=1"
            stopped.stop()
            assert manager.recv(100) == b"STOPPING=1"
        finally:
            del os.environ["NOTIFY_SOCKET"]


def test_check_finds_what_is_to_be_decided(stopped):
    done = stopped.command("check", "--json")
    subjects = {json.loads(line)["subject"] for line in done.stdout.splitlines()}
    assert {"server.administrator", "server.deputy", "server.services", "log.retention_days", "log.addresses", "accounts.quota",
            "smtp.message_max", "login.password_length", "certificate", "postmaster@example.test"} <= subjects
    stopped.conf.write_text(stopped.conf.read_text().replace("mail.example.test", "other.example.test"))
    done = stopped.command("check", check=False)
    assert done.returncode == 1 and "not for other.example.test" in done.stdout


def test_init_refuses_to_write_over():
    s = made()
    try:
        with pytest.raises(AssertionError, match="holds an installation already"):
            s.init()
    finally:
        s.clean()


def test_a_command_of_another_version_says_so():
    """What a command meets when the program was replaced and the server was not started again."""
    with server.Server(expected_events=["command_refused"]) as s:
        frame = b"\xff\xff\x01\x00" + bytes(8)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.connect(str(s.folder / "run" / "control"))
            door.send(frame)
            door.settimeout(60)
            assert door.recv(65536)[:2] != frame[:2], "an answer in the version of the server"
        s.stop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(str(s.folder / "run" / "control"))
            door.listen(1)

            def answer():
                caller, _ = door.accept()
                caller.recv(65536)
                caller.send(frame)
                caller.close()
            thread = threading.Thread(target=answer)
            thread.start()
            done = s.command("status", check=False)
            thread.join()
        assert done.returncode == 1
        assert done.stderr == "siegel: the server that runs is of another version than this command: restart it\n"

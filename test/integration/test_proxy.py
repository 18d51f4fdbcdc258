# SPDX-License-Identifier: Apache-2.0
"""Behind a proxy: HAProxy in front of the ports, and whoever else claims to be one."""
import contextlib
import shutil
import pathlib
import socket
import struct
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.server import PASSWORD, Server  # noqa: E402
from harness.smtp import Smtp  # noqa: E402

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PROXY, CLIENT, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
SETTINGS = [f"smtp.proxy_from={PROXY}", "relay.relay_networks=127.0.0.3 192.0.2.9", "smtp.sessions_per_address=2",
            "smtp.sessions_per_network=1000", "server.internal_networks=::1"]

CONFIGURATION = """\
global
    log stderr format raw local0 warning
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
"""


@pytest.fixture(scope="module")
def server():
    with Server(settings=SETTINGS) as s:
        s.account("kx-anna")
        yield s


@pytest.fixture(scope="module")
def haproxy(server, tmp_path_factory):
    """service -> port at which HAProxy listens."""
    folder = tmp_path_factory.mktemp("haproxy")
    with contextlib.ExitStack() as stack:  # bound all at once, so that each is another one
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        ports = {service: s.getsockname()[1] for service, s in zip(("smtp", "submissions"), sockets)}
    text = CONFIGURATION
    for service, port in ports.items():
        text += (f"listen {service}\n    bind 127.0.0.1:{port}\n    source {PROXY}\n"
                 f"    server s 127.0.0.1:{server.port(service)} send-proxy-v2 check check-send-proxy inter 200\n")
    (folder / "haproxy.cfg").write_text(text)
    process = subprocess.Popen([shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(folder / "haproxy.cfg")])
    try:
        deadline = time.monotonic() + 10
        for port in ports.values():
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
        yield ports
    finally:
        process.terminate()
        process.wait()


def through(port, source):
    return socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))


def header(source="192.0.2.7", command=0x21, family=0x11, tlvs=b"", port=12345):
    addresses = socket.inet_aton(source) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", port, 25) if family == 0x11 else b""
    return SIGNATURE + struct.pack(">BBH", command, family, len(addresses + tlvs)) + addresses + tlvs


def raw(server, data, source=PROXY, service="smtp"):
    s = through(server.port(service), source)
    s.settimeout(20)
    s.sendall(data)
    return s


def test_the_client_counts(server, haproxy):
    client = Smtp(through(haproxy["smtp"], CLIENT))
    client.command("EHLO client.test")
    assert client.envelope("friend@outside.test", "far@outside.test").code == 250  # relay_networks has the client, not the proxy
    assert client.command("RSET").code == 250
    assert client.envelope("friend@outside.test", "anna@example.test").code == 250
    assert client.data(b"Subject: mark-proxy\r\n\r\nx\r\n").code == 250
    client.close()
    stranger = Smtp(through(haproxy["smtp"], STRANGER))
    stranger.command("EHLO client.test")
    assert stranger.envelope("friend@outside.test", "far@outside.test").refused
    stranger.close()
    server.wait_for(lambda: [e for e in server.log("message_accepted") if e["client"] == CLIENT])
    server.wait_for(lambda: [e for e in server.log("relay_refused") if e["client"] == STRANGER])


def test_tls_from_the_start(server, haproxy):
    plain = through(haproxy["submissions"], STRANGER)
    client = Smtp(server.tls_context().wrap_socket(plain, server_hostname=server.hostname))
    client.command("EHLO client.test")
    assert client.login("kx-anna", PASSWORD).code == 235
    client.close()
    server.wait_for(lambda: [e for e in server.log("login_ok") if e["client"] == STRANGER])


def test_lmtp_networks_hold_for_the_client(server):
    with raw(server, header("192.0.2.7"), service="lmtp") as s:
        assert s.recv(500).startswith(b"421 ")
    with raw(server, header("127.0.0.9"), service="lmtp") as s:
        assert s.recv(500).startswith(b"220 ")


def test_limits_hold_for_the_client(server):
    with contextlib.ExitStack() as stack:
        answers = [stack.enter_context(raw(server, header("192.0.2.50"))).recv(500)[:3] for _ in range(3)]
        assert answers == [b"220", b"220", b"421"]
        assert stack.enter_context(raw(server, header("192.0.2.51"))).recv(500).startswith(b"220 ")
    server.wait_for(lambda: raw(server, header("192.0.2.50")).recv(500).startswith(b"220 "))


def test_its_own_checks(server):
    """The command LOCAL: the connection is the proxy's own."""
    with raw(server, header(command=0x20, family=0)) as s:
        assert s.recv(500).startswith(b"220 ")
    server.wait_for(lambda: [e for e in server.log("connection_opened") if e["client"] == PROXY])


@pytest.mark.parametrize("bad", [
    b"EHLO client.test\r\n", b"PROXY TCP4 192.0.2.9 127.0.0.1 1 25\r\n" + b"NOOP\r\n" * 5, header(command=0x31), header(command=0x22),
    header(family=0), header(family=0x12), header(tlvs=b"\x03\x00\x04abcd"), header(tlvs=b"\x01\x00"),
    SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 100,
], ids=["none", "version 1", "version 3", "command", "unknown", "udp", "checksum", "tlv", "long"])
def test_bad_headers(server, bad):
    with raw(server, bad) as s:
        assert s.recv(500).startswith(b"421 ")


def test_half_a_header(server):
    with raw(server, header()[:20]) as s:
        begun = time.monotonic()
        assert s.recv(500).startswith(b"421 ")
        assert time.monotonic() - begun > 3


@pytest.mark.parametrize("data", [header("192.0.2.9"), b"PROXY TCP4 192.0.2.9 127.0.0.1 12345 25\r\n"], ids=["2", "1"])
def test_others_are_no_proxies(server, data):
    with through(server.port("smtp"), STRANGER) as s:
        s.settimeout(20)
        assert s.recv(500).startswith(b"220 ")
        s.sendall(data + b"EHLO x.test\r\n")
        answer = b""
        while more := s.recv(500):
            answer += more
        assert answer.startswith(b"554 5.7.1 ") and b"250" not in answer

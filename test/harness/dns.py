# SPDX-License-Identifier: Apache-2.0
"""A DNS of the tests' own: NSD on loopback with a signed tree of zones, from the root down.

    with Dns() as dns:                                  # the zones below
        Server(settings=dns.settings())                 # a Siegel that asks it, and validates
        dns.change("secure.test", "mx3 A 127.0.0.14")   # adds records, signs again, and NSD serves it
        dns.change("secure.test", without=["_mta-sts"]) # takes all records of a name away
    with Dns({"shop.test": Zone("@ MX 10 mx\\nmx A 127.0.0.20")}) as dns: ...   # more zones, or other ones of those names

A zone's text is a master file (RFC 1035 5.1) without SOA and NS, its names relative to the zone. state: SECURE is signed and
has a DS record at its parent; INSECURE is not signed; BOGUS is signed, but the records named in `damaged` are altered
afterwards; EXPIRED carries signatures that have run out.
"""
import base64
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time

SECURE, INSECURE, BOGUS, EXPIRED = "secure", "insecure", "bogus", "expired"
DATES = ["-i", "20200101000000", "-e", "20371231000000"]
PAST = ["-i", "20200101000000", "-e", "20200201000000"]
DATES_IN_SECONDS = (2145830400, 1577836800)  # the same: the end and the beginning
HEAD = """\
$ORIGIN {origin}
$TTL {ttl}
@ IN SOA ns.nic.test. host.nic.test. {serial} 3600 600 86400 60
@ IN NS ns.nic.test.
"""
CONF = """\
server:
 ip-address: 127.0.0.1@{port}
 port: {port}
 username: ""
 server-count: 1
 zonesdir: "{folder}"
 database: ""
 pidfile: "{folder}/nsd.pid"
 zonelistfile: "{folder}/zone.list"
 xfrdfile: "{folder}/xfrd.state"
 xfrdir: "{folder}"
 logfile: "{folder}/nsd.log"
 hide-version: yes
 rrl-ratelimit: 0
remote-control:
 control-enable: no
"""


@dataclasses.dataclass
class Zone:
    text: str
    state: str = SECURE
    damaged: str = ""  # BOGUS: a regular expression; what it finds in the lines of the signed zone is altered in its last letter
    ttl: int = 60


def many(count, line):
    return "\n".join(line.format(number=number) for number in range(1, count + 1))


def quoted(size):
    """A TXT record of so many bytes."""
    text = "".join(chr(ord("a") + number % 26) for number in range(size))
    return " ".join(f'"{text[at:at + 255]}"' for at in range(0, size, 255))


PLAIN = """\
@ MX 10 mx1
@ TXT "v=spf1 mx -all"
mx1 A 127.0.0.13
"""

STANDARD = {
    "secure.test": Zone(f"""\
@ MX 10 mx1
@ MX 20 mx2
@ TXT "v=spf1 mx -all"
_mta-sts TXT "v=STSv1; id=1"
mta-sts A 127.0.0.1
mx1 A 127.0.0.11
mx1 AAAA ::1
mx2 A 127.0.0.12
nothing TXT "no addresses, no MX"
; RFC 7505 3
null MX 0 .
implicit A 127.0.0.11
hundred {many(100, 'MX {number} mx{number}.hundred')}
crowd {many(150, 'MX {number} mx{number}.crowd')}
mixed MX 10 mx1
mixed MX 10 mx\\032odd
mixed MX 20 mx\\000
mixed MX 30 mx2
allodd MX 10 mx\\010new
long TXT {quoted(2000)}
huge TXT {quoted(20000)}
texts {many(20, 'TXT "text {number}"')}
; aliases
chain1 CNAME chain2
chain2 CNAME chain3
chain3 CNAME mx1
alias-mx CNAME secure.test.
alias-out CNAME mx1.insecure.test.
alias-bogus CNAME mx1.bogus.test.
alias-nowhere CNAME nowhere
loop1 CNAME loop2
loop2 CNAME loop1
self CNAME self
; longer than anybody should follow
{many(30, 'long{number} CNAME {{}}').format(*[f"long{number}" for number in range(2, 32)])}
long31 A 127.0.0.11
*.wild MX 10 mx1
*.wild A 127.0.0.15
_25._tcp.mx1 TLSA 3 1 1 {hashlib.sha256(b'mx1').hexdigest()}
_25._tcp.mx1 TLSA 2 0 1 {hashlib.sha256(b'ca').hexdigest()}
_25._tcp.mx2 CNAME _25._tcp.mx1
_25._tcp.odd TLSA 77 88 99 00
"""),
    "insecure.test": Zone(PLAIN + """\
alias-in CNAME mx1.secure.test.
_25._tcp.mx1 TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
""", INSECURE),
    "bogus.test": Zone(PLAIN + """\
_25._tcp.mx1 TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
good A 127.0.0.14
""", BOGUS, damaged=r"^(?:bogus\.test\.|mx1\.bogus\.test\.|_25._tcp.mx1.bogus.test.)\s.*IN\s+(?:MX|A|TXT|TLSA)\s.*$"),
    "expired.test": Zone(PLAIN, EXPIRED),
    "arpa": Zone("1.0.0.127.in-addr PTR localhost.\n11.0.0.127.in-addr PTR mx1.secure.test.", INSECURE),
}


def fill(text):
    """Master files leave the name out where it repeats: so does `name TYPE ...` over several lines above."""
    name, lines = "@", []
    for line in text.splitlines():
        first = line.split(" ", 1)[0]
        if first in ("MX", "TXT", "A", "AAAA", "TLSA", "CNAME", "PTR"):
            line = f"{name} {line}"
        else:
            name = first or name
        lines.append(line)
    return lines


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.lower().split(".")) + b"\0"


def free_port():
    """One that is free for UDP and TCP."""
    start = 26000 + os.getpid() % 450 * 2
    for port in [*range(start, 26900), *range(26000, start)]:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def tlsa(certificate, usage=3, selector=1, matching=1):
    """The fields of a TLSA record (RFC 6698 2.1) for a certificate in PEM."""
    pem = pathlib.Path(certificate).read_text()
    der = ssl.PEM_cert_to_DER_cert(re.search(r"-----BEGIN CERTIFICATE.*?END CERTIFICATE-----", pem, re.S)[0])
    if selector == 1:
        key = subprocess.run(["openssl", "x509", "-noout", "-pubkey"], input=pem, capture_output=True, text=True, check=True).stdout
        der = ssl.PEM_cert_to_DER_cert(key.replace("PUBLIC KEY", "CERTIFICATE"))
    data = {0: lambda: der, 1: lambda: hashlib.sha256(der).digest(), 2: lambda: hashlib.sha512(der).digest()}[matching]()
    return f"{usage} {selector} {matching} {data.hex()}"


class Dns:
    def __init__(self, zones=None, port=None):
        self.zones = {**{name: dataclasses.replace(zone) for name, zone in STANDARD.items()}, **(zones or {})}
        self.port = port or free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="siegel-dns-"))
        self.process, self.serial, self.keys = None, 1, {}

    # ---- what a server is told ---------------------------------------------------------------------------------------
    @property
    def anchor(self):
        """The root's key, as a trust anchor."""
        return self.folder / "anchor"

    def settings(self, probes=True, elsewhere=None):
        """For Server(settings=...): all names are asked here, from the root down, and validated. elsewhere: {zone: port} of
        other servers."""
        ports = {zone: self.port for zone in (".", "test", *self.zones)} | (elsewhere or {})
        stubs = " ".join(f"{zone}=127.0.0.1@{port}" for zone, port in ports.items())
        settings = [f"resolver.trust_anchor={self.anchor}", f"resolver.stub={stubs}"]
        if probes:
            settings += ["resolver.probe_secure=secure.test", "resolver.probe_bogus=bogus.test"]
        return settings

    # ---- zones -------------------------------------------------------------------------------------------------------
    def change(self, name, add="", without=()):
        """Changes a zone of which NSD serves the new version when this returns."""
        zone = self.zones[name]
        kept = [line for line in fill(zone.text) if line.split(" ", 1)[0] not in without]
        zone.text = "\n".join(kept + [add]) + "\n"
        self.serial += 1
        self.write(name)
        self.reload(name)

    def children(self, parent):
        """The zones whose nearest zone above is this one."""
        names = ["test", *self.zones]
        above = {name: max((other for other in names if other != name and name.endswith("." + other)), key=len, default="")
                 for name in names}
        return [name for name in names if above[name] == parent]

    def run(self, *words):
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def make_key(self, name):
        self.keys[name] = self.run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name + ".")

    def delegations(self, name):
        lines = []
        for child in self.children(name):
            lines.append(f"{child}. NS ns.nic.test.")
            if child in self.keys:
                lines.append(self.run("ldns-key2ds", "-n", "-2", self.keys[child] + ".key"))
        return "\n".join(lines)

    def signature(self, zone, owner, type_, data, ttl=60):
        """The data of an RRSIG record (RFC 4034 3.1) for one record that cannot stand in a zone file, by that zone's key."""
        secret = re.search(r"PrivateKey: (\S+)", (self.folder / (self.keys[zone] + ".private")).read_text())[1]
        key = b"\x30\x31\x02\x01\x01\x04\x20" + base64.b64decode(secret).rjust(32, b"\0") + b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
        head = struct.pack("!HBBIIIH", type_, 13, len(owner.split(".")), ttl, *DATES_IN_SECONDS, int(self.keys[zone][-5:])) + wire(zone)
        signed = head + wire(owner) + struct.pack("!HHIH", type_, 1, ttl, len(data)) + data
        (self.folder / "signer").write_bytes(key)
        der = subprocess.run(["openssl", "dgst", "-sha256", "-keyform", "DER", "-sign", str(self.folder / "signer")], input=signed,
                             capture_output=True, check=True, timeout=60).stdout
        numbers, at = b"", 2
        for _ in range(2):  # two integers, as DNSKEY's algorithm 13 has them: RFC 6605 4
            numbers += der[at + 2:at + 2 + der[at + 1]].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + der[at + 1]
        return head + numbers

    def is_signed(self, name):
        return name not in self.zones or self.zones[name].state != INSECURE

    def write(self, name):
        zone = self.zones.get(name) or Zone("ns.nic.test. A 127.0.0.1" if name == "test" else "", SECURE)
        text = HEAD.format(origin=name + ".", ttl=zone.ttl, serial=self.serial)
        path = self.folder / f"{name or 'root'}.zone"
        path.write_text(text + "\n".join(fill(zone.text)) + "\n" + self.delegations(name) + "\n")
        served = self.folder / f"{name or 'root'}.served"
        if not self.is_signed(name):
            shutil.copy(path, served)
            return
        dates = PAST if zone.state == EXPIRED else DATES
        signed = self.folder / f"{name or 'root'}.signed"
        self.run("ldns-signzone", "-n", "-f", str(signed), *dates, "-o", name + ".", str(path), self.keys[name])
        text = signed.read_text()
        if zone.state == BOGUS:
            text, count = re.subn(zone.damaged, self.damage, text, flags=re.M)
            assert count > 0, "nothing was damaged"
        served.write_text(text)

    @staticmethod
    def damage(match):
        line = match[0].rstrip()
        at = max(index for index, letter in enumerate(line) if letter.isalnum())
        return line[:at] + ("1" if line[at] != "1" else "2") + line[at + 1:]

    # ---- life --------------------------------------------------------------------------------------------------------
    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def start(self):
        names = ["", "test", *self.zones]
        if not self.keys:
            for name in filter(self.is_signed, names):
                self.make_key(name)
            for name in names:
                self.write(name)
            self.anchor.write_text((self.folder / (self.keys[""] + ".key")).read_text())
            conf = CONF.format(port=self.port, folder=self.folder)
            for name in names:
                conf += f'zone:\n name: "{name}."\n zonefile: "{self.folder}/{name or "root"}.served"\n'
            (self.folder / "nsd.conf").write_text(conf)
        with open(self.folder / "output", "w") as output:
            self.process = subprocess.Popen(["nsd", "-d", "-c", str(self.folder / "nsd.conf")], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output)
        self.wait_serial(names[-1])

    def reload(self, name):
        """NSD reads its zone files anew when their time of change is another one, to the second or better. Beside the process
        that serves them the one before it may still answer for a moment: that has to be gone, too."""
        before = self.servers()
        self.process.send_signal(signal.SIGHUP)
        self.wait_serial(name)
        deadline = time.monotonic() + 60
        while before & self.servers():
            assert time.monotonic() < deadline, "NSD's process from before does not end"
            time.sleep(0.005)

    def servers(self):
        """The processes that answer: each is a child of a child of the one that was started."""
        def children(pid):
            try:
                return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                return []
        return {server for child in children(self.process.pid) for server in children(child)}

    def serial_of(self, name):
        """What NSD says: the first of the numbers of the SOA record."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.2)
            udp.connect(("127.0.0.1", self.port))
            udp.send(b"\x12\x34\0\0\0\1\0\0\0\0\0\0" + labels + b"\0\6\0\1")
            answer = udp.recv(4096)
        if len(answer) < 12 or answer[3] & 15 or answer[7] == 0:
            return None
        at = self.after_name(answer, 12 + len(labels) + 4) + 10  # the first record's data: two names, then the serial
        for _ in range(2):
            at = self.after_name(answer, at)
        return int.from_bytes(answer[at:at + 4], "big")

    @staticmethod
    def after_name(message, at):
        while message[at]:
            if message[at] >= 0xC0:
                return at + 2
            at += 1 + message[at]
        return at + 1

    def wait_serial(self, name):
        deadline = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, (self.folder / "output").read_text() + self.log_text()
            try:
                if self.serial_of(name) == self.serial:
                    return
            except OSError:
                pass
            assert time.monotonic() < deadline, f"NSD does not serve {name}: {self.log_text()}"
            time.sleep(0.02)

    def log_text(self):
        path = self.folder / "nsd.log"
        return path.read_text() if path.exists() else ""

    def stop(self):
        """NSD goes away; its zones stay for start()."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process = None

    def processes(self):
        """NSD's, the first one before its children."""
        pids = [self.process.pid]
        for pid in pids:
            pids += map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return pids

    @contextlib.contextmanager
    def held(self):
        """NSD answers nothing for a while; then it answers what came meanwhile, too."""
        pids = self.processes()
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def __exit__(self, kind, value, trace):
        if self.process is not None:
            self.stop()
        if kind is not None:
            print(self.log_text()[-3000:])
        shutil.rmtree(self.folder, ignore_errors=True)

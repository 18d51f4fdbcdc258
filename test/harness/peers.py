# SPDX-License-Identifier: Apache-2.0
"""Mail servers that cannot be installed beside Postfix, unpacked by scripts/peers.sh: Exim and OpenSMTPD, each with a
configuration of the tests' own, in a namespace where /etc/passwd has its user.

    with Exim("exim.test", certificate=(pem, key), relay=(port, ca)) as exim:   # takes mail for exim.test at exim.port
        exim.mails()                                                            # what it has stored: (recipient, bytes)
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from harness.dovecot import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PEERS = ROOT / "test" / ".peers"
PATIENCE = 60
UID = 64991  # nobody's

EXIM = """\
exim_path = {program}
keep_environment =
primary_hostname = mx.exim.test
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
exim_user = Debian-exim
exim_group = Debian-exim
never_users =
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
tls_on_connect_ports =
domainlist ours = {domain}
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
accept_8bitmime = true
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
dsn_advertise_hosts = *
pipelining_advertise_hosts = *
prdr_enable = false
tls_advertise_hosts = *
tls_certificate = {folder}/tls.pem
tls_privatekey = {folder}/tls.key
message_size_limit = 50M
smtp_accept_max = 100
smtp_receive_timeout = 60s
host_lookup =
rfc1413_query_timeout = 0s
dns_ipv4_lookup = *
allow_utf8_domains = true
log_selector = +smtp_connection +tls_cipher +received_recipients +smtp_protocol_error +smtp_syntax_error
begin acl
rcpt:
  deny local_parts = ^no
    message = 5.1.1 nobody of that name
  accept domains = +ours
    {login}
  accept hosts = 127.0.0.1
    domains = ! +ours
begin routers
here:
  driver = accept
  domains = +ours
  transport = box
away:
  driver = manualroute
  route_list = * 127.0.0.1::{relay_port}
  self = send
  transport = {transport}
begin transports
box:
  driver = appendfile
  directory = {folder}/mail/all
  maildir_format
  create_directory
  user = Debian-exim
  delivery_date_add = false
  envelope_to_add = true
  return_path_add = true
  message_prefix =
  message_suffix =
smtp:
  driver = smtp
  hosts_require_tls = *
  tls_verify_certificates = {folder}/ca.pem
  tls_verify_hosts = *
  tls_verify_cert_hostnames =
  helo_data = mx.exim.test
  hosts_try_chunking = *
lmtp:
  driver = smtp
  protocol = lmtp
begin retry
* * F,1h,1s
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{{{eq{{$auth2}}{{route-login}}}}{{eq{{$auth3}}{{route-secret}}}}}}}}
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_set_id = $auth2
"""

SMTPD = """\
table everybody {{ "@" = "box" }}
listen on 127.0.0.1 port {port} hostname mx.smtpd.test
action "box" maildir "{folder}/mail/%{{rcpt.user}}" virtual <everybody>
match from any for domain {domain} action "box"
"""


def unpacked():
    """The folder; skips the test where the packages cannot be had, as without a network."""
    if not (PEERS / "complete").exists():
        done = subprocess.run([str(ROOT / "scripts" / "peers.sh")], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            pytest.skip(f"the peers cannot be unpacked: {done.stderr[-300:]}")
    return PEERS


def maildir(folder):
    """(folder of the recipient, bytes) of all mails in maildirs below, as they stand there."""
    return [(path.parent.parent.name, path.read_bytes()) for path in sorted(folder.rglob("new/*"))]


class Peer:
    """A program in a mount namespace of its own, with users of its own."""

    users = ()

    def __init__(self):
        assert os.getuid() == 0, "needs root"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="siegel-peer-"))
        self.port = free_port()
        self.process = None

    def prepare(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def inside(self, *words, before=""):
        """The words of a command that runs where the users exist and the libraries are found."""
        return ["unshare", "--mount", "sh", "-c",
                f'mount --bind {self.folder}/passwd /etc/passwd && mount --bind {self.folder}/group /etc/group {before} && '
                f'export LD_LIBRARY_PATH={self.libraries()} && exec "$@"', "sh", *map(str, words)]

    @staticmethod
    def libraries():
        return next((PEERS / "usr" / "lib").glob("*-linux-gnu"))

    def __enter__(self):
        try:
            unpacked()
            os.chmod(self.folder, 0o755)
            for name, number in self.users:
                self.add_user(name, number)
            self.prepare()
            with open(self.folder / "output", "w") as output:
                self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
            self.wait_listening()
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def add_user(self, name, number):
        for path, line in (("passwd", f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"), ("group", f"{name}:x:{number}:\n")):
            own = self.folder / path
            text = own.read_text() if own.exists() else pathlib.Path("/etc", path).read_text()
            own.write_text("".join(kept for kept in text.splitlines(True) if not kept.startswith(f"{name}:")) + line)

    def install(self, name, source):
        shutil.copy(source, self.folder / name)
        os.chmod(self.folder / name, 0o640)
        os.chown(self.folder / name, 0, UID)

    def wait_listening(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None and time.monotonic() < deadline, self.log_text()
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                    s.recv(100)
                    s.sendall(b"QUIT\r\n")
                    return
            except OSError:
                time.sleep(0.05)

    def log_text(self):
        logs = [self.folder / "output", *sorted((self.folder / "log").glob("*"))]
        return "".join(path.read_text(errors="replace") for path in logs if path.is_file())

    def mails(self):
        return maildir(self.folder / "mail")

    def __exit__(self, kind, value, trace):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if kind is not None:
            print(self.log_text()[-4000:])
        shutil.rmtree(self.folder, ignore_errors=True)


class Exim(Peer):
    users = (("Debian-exim", UID),)

    def __init__(self, domain, certificate, relay=(9, None), login=False):
        """relay: port and authority of the server to which all other mail goes, by STARTTLS; login: mail is taken only from
        who has logged in, as route-login with route-secret."""
        super().__init__()
        self.domain, self.certificate, self.relay, self.login = domain, certificate, relay, login

    def prepare(self):
        for name in ("spool", "log", "mail"):
            (self.folder / name).mkdir()
            os.chown(self.folder / name, UID, UID)
        for name, source in zip(("tls.pem", "tls.key", "ca.pem"), (*self.certificate, self.relay[1] or self.certificate[0])):
            self.install(name, source)
        (self.folder / "exim.conf").write_text(EXIM.format(
            program=PEERS / "usr" / "sbin" / "exim4", folder=self.folder, port=self.port, domain=self.domain, relay_port=self.relay[0],
            transport="smtp", login="authenticated = *" if self.login else ""))

    def command(self):
        return self.inside(PEERS / "usr" / "sbin" / "exim4", "-C", self.folder / "exim.conf", "-bdf", "-q1s")


class Sink:
    """Postfix's smtp-sink with such options. folder: where it dumps what it takes."""

    def __init__(self, *options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="siegel-sink-"))
        self.options = (*options, "-u", "nobody") if os.getuid() == 0 else options
        self.port, self.process = free_port(), None

    def __enter__(self):
        os.chmod(self.folder, 0o777)
        program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
        assert program, "smtp-sink is not installed: scripts/deps.sh"
        with open(self.folder / "output", "w") as output:
            self.process = subprocess.Popen([program, "-R", str(self.folder), "-d", "mail.", *self.options, f"127.0.0.1:{self.port}", "100"],
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        return self

    def mails(self):
        return [path.read_bytes() for path in sorted(self.folder.glob("mail.*"))]

    def __exit__(self, kind, value, trace):
        self.process.terminate()
        self.process.wait(timeout=20)
        if kind is not None:
            print((self.folder / "output").read_text())
        shutil.rmtree(self.folder, ignore_errors=True)


class Smtpd(Peer):
    """OpenSMTPD, without TLS: Debian's 6.8 fails in each handshake with OpenSSL 3."""

    users = (("opensmtpd", UID), ("opensmtpq", UID + 1), ("box", UID + 2))

    def __init__(self, domain):
        super().__init__()
        self.domain = domain

    def prepare(self):
        for name in ("mail", "log"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "mail", UID + 2, UID + 2)
        (self.folder / "smtpd.conf").write_text(SMTPD.format(folder=self.folder, port=self.port, domain=self.domain))

    def command(self):
        return self.inside(PEERS / "usr" / "sbin" / "smtpd", "-d", "-f", self.folder / "smtpd.conf",
                           before=f"&& mount -t overlay overlay -o lowerdir={PEERS}/usr:/usr /usr && mount -t tmpfs tmpfs /var && "
                                  "mkdir -p /var/lib/opensmtpd/empty /var/spool /var/run /var/mail")

# SPDX-License-Identifier: Apache-2.0
"""Mail servers outside: a real Postfix that takes mail and keeps it in a folder, and certificates of every kind for it."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from harness.dovecot import free_port
from harness.postfix import MASTER

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = mx.right.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
relay_domains = {domains}
relay_recipient_maps = regexp:{folder}/recipients
virtual_mailbox_domains =
transport_maps = static:discard:taken
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_tls_loglevel = 1
message_size_limit = 60000000
always_bcc =
{more}
"""


class Certificates:
    """An authority, and what it and others have signed, as files: path(kind), key(kind)."""

    KINDS = ("good", "no-chain", "wrong-name", "expired", "self", "self-wrong-name", "self-expired")

    def __init__(self, folder, host="mx.right.test"):
        self.folder, self.host = pathlib.Path(folder), host
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("ca", "other"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
                         f"{name}.pem", "-days", "30", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")
        for kind in self.KINDS:
            self.make(kind)

    @staticmethod
    def kind_of(name):
        return f"IP:{name}" if name[0].isdigit() else f"DNS:{name}"

    def openssl(self, *words, input=None):
        done = subprocess.run(["openssl", *words], cwd=self.folder, input=input, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def make(self, kind):
        name = "mx.wrong.test" if "wrong-name" in kind else self.host
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{kind}.key", "-out", f"{kind}.csr",
                     "-subj", f"/CN={name}")
        (self.folder / "extensions").write_text(f"subjectAltName={self.kind_of(name)}\nbasicConstraints=CA:FALSE\n")
        days = ["-not_before", "20200101000000Z", "-not_after", "20200201000000Z"] if "expired" in kind else ["-days", "30"]
        if kind.startswith("self"):
            signer = ["-signkey", f"{kind}.key"]
        else:
            signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
        if "expired" in kind:
            self.expired(kind, name)
        else:
            self.openssl("x509", "-req", "-in", f"{kind}.csr", *signer, "-out", f"{kind}.leaf", "-extfile", "extensions", *days)
        leaf = (self.folder / f"{kind}.leaf").read_text()
        chain = "" if kind.startswith("self") or kind == "no-chain" else (self.folder / "ca.pem").read_text()
        (self.folder / f"{kind}.pem").write_text(leaf + chain)

    def expired(self, kind, name):
        """`openssl x509` takes no dates in the past; `openssl ca` does."""
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial").write_text("1000\n")
        (self.folder / "ca.conf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndir=.\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
            "[p]\ncommonName=supplied\n[e]\nsubjectAltName=" + self.kind_of(name) + "\nbasicConstraints=CA:FALSE\n")
        by = ["-selfsign", "-keyfile", f"{kind}.key"] if kind.startswith("self") else ["-cert", "ca.pem", "-keyfile", "ca.key"]
        self.openssl("ca", "-batch", "-notext", "-config", "ca.conf", "-in", f"{kind}.csr", "-out", f"{kind}.leaf", "-extensions", "e",
                     "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", *by)

    def path(self, kind):
        return self.folder / f"{kind}.pem"

    def key(self, kind):
        return self.folder / f"{kind}.key"


class Postfix:
    """with Postfix("remote.test", tls=(certificates, "good")) as p: takes mail for those domains at 127.0.0.1:p.port. Recipients
    that begin with "no" do not exist. Without tls it offers no STARTTLS."""

    def __init__(self, *domains, tls=None, more=(), address="127.0.0.1", port=None, listeners=None):
        """listeners: {address: kind}, more servers at that port, each with a certificate of its own or none."""
        assert os.getuid() == 0, "Postfix needs root"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="siegel-outside-"))
        self.domains, self.tls, self.more = domains, tls, list(more)
        self.address, self.port = address, port or free_port()
        self.listeners = listeners or {}
        self.started = False

    def settings(self):
        more = [f"inet_interfaces = {self.address}"] + self.more
        if self.tls is not None:
            certificates, kind = self.tls
            shutil.copy(certificates.path(kind), self.folder / "tls.pem")
            shutil.copy(certificates.key(kind), self.folder / "tls.key")
            more += ["smtpd_tls_security_level = may", f"smtpd_tls_cert_file = {self.folder}/tls.pem",
                     f"smtpd_tls_key_file = {self.folder}/tls.key"]
        return "\n".join(more)

    def __enter__(self):
        os.chmod(self.folder, 0o755)
        for name in ("etc", "spool", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        (self.folder / "recipients").write_text("/^no/ REJECT\n/^/ OK\n".replace("/^no/ REJECT\n", "!/^no/ OK\n").replace("/^/ OK\n", ""))
        (self.folder / "etc" / "main.cf").write_text(
            MAIN.format(folder=self.folder, domains=", ".join(self.domains), more=self.settings())
            .replace("permit_mynetworks, reject_unauth_destination", "reject_unauth_destination, reject_unlisted_recipient"))
        (self.folder / "etc" / "master.cf").write_text(MASTER.format(port=self.port).replace("127.0.0.1:", f"{self.address}:"))
        with open(self.folder / "etc" / "master.cf", "a") as master:
            master.writelines(self.listener(address, kind) for address, kind in self.listeners.items())
        with open(self.folder / "start", "w") as out:
            status = subprocess.run(["/usr/sbin/postfix", "-c", str(self.folder / "etc"), "start"], stdin=subprocess.DEVNULL, stdout=out,
                                    stderr=out, timeout=60).returncode
        self.started = status == 0
        assert self.started, (self.folder / "start").read_text() + self.log_text()
        return self

    def listener(self, address, kind):
        line = f"{address}:{self.port} inet n - n - 20 smtpd\n  -o syslog_name=at-{address}\n"
        if kind == "none":
            return line + "  -o smtpd_tls_security_level=none\n"
        certificates = self.tls[0]
        for path in (certificates.path(kind), certificates.key(kind)):
            shutil.copy(path, self.folder / f"{kind}{path.suffix}")
        return line + f"  -o smtpd_tls_cert_file={self.folder}/{kind}.pem\n  -o smtpd_tls_key_file={self.folder}/{kind}.key\n"

    def log_text(self):
        path = self.folder / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_for(self, what, timeout=60):
        deadline = time.monotonic() + timeout
        while what not in self.log_text():
            assert time.monotonic() < deadline, f"{what!r} never came\n{self.log_text()[-3000:]}"
            time.sleep(0.1)

    def __exit__(self, kind, value, trace):
        if self.started:
            subprocess.run(["/usr/sbin/postfix", "-c", str(self.folder / "etc"), "stop"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        if kind is not None:
            print(self.log_text()[-4000:])
        shutil.rmtree(self.folder, ignore_errors=True)

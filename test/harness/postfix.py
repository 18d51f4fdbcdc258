# SPDX-License-Identifier: Apache-2.0
"""A Postfix of the tests' own, as a server that sends: Debian's programs with our configuration and a queue of its own."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from harness.dovecot import free_port

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
myhostname = sender.elsewhere.test
mydomain = elsewhere.test
myorigin = elsewhere.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
relayhost = [127.0.0.1]:{relay_port}
disable_dns_lookups = yes
smtp_host_lookup = native
smtp_tls_security_level = secure
smtp_tls_CAfile = {certificate}
smtp_tls_secure_cert_match = {relay_name}
smtp_tls_loglevel = 1
# What is sent is compared byte for byte: nothing is added, dropped, folded or repaired on the way.
local_header_rewrite_clients =
message_drop_headers =
smtp_line_length_limit = 0
disable_mime_input_processing = yes
line_length_limit = 100000
header_size_limit = 1000000
message_size_limit = 60000000
smtpd_recipient_limit = 1000
default_destination_concurrency_limit = 20
initial_destination_concurrency = 20
smtpd_relay_restrictions = permit_mynetworks, reject
minimal_backoff_time = 2s
queue_run_delay = 2s
"""

# service type, private, chroot, wake-up, most processes, program
MASTER = """\
127.0.0.1:{port} inet n - n - 20 smtpd
pickup    unix  n - n 2   1 pickup
cleanup   unix  n - n -   0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -   - trivial-rewrite
bounce    unix  - - n -   0 bounce
defer     unix  - - n -   0 bounce
trace     unix  - - n -   0 bounce
verify    unix  - - n -   1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -   - proxymap
smtp      unix  - - n -   20 smtp
relay     unix  - - n -   20 smtp
showq     unix  n - n -   - showq
error     unix  - - n -   - error
retry     unix  - - n -   - error
discard   unix  - - n -   - discard
anvil     unix  - - n -   1 anvil
scache    unix  - - n -   1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """with Postfix(port, certificate, name) as p: takes mail at p.port, relays all of it to that port, by verified TLS."""

    def __init__(self, relay_port, certificate, relay_name):
        assert os.getuid() == 0, "Postfix needs root"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="siegel-postfix-"))
        self.port = free_port()
        self.certificate, self.relay_port, self.relay_name = certificate, relay_port, relay_name
        self.started = False

    @property
    def etc(self):
        return self.folder / "etc"

    def command(self, *words, **options):
        return subprocess.run([*words], stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, **options)

    def __enter__(self):
        os.chmod(self.folder, 0o755)
        for name in ("etc", "spool", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        shutil.copy(self.certificate, self.folder / "ca.crt")  # readable for the user postfix
        os.chmod(self.folder / "ca.crt", 0o644)
        values = dict(folder=self.folder, relay_port=self.relay_port, certificate=self.folder / "ca.crt",
                      relay_name=self.relay_name, port=self.port)
        (self.etc / "main.cf").write_text(MAIN.format(**values))
        (self.etc / "master.cf").write_text(MASTER.format(**values))
        try:
            # Its programs hold on to their standard output: a file, not a pipe.
            with open(self.folder / "start", "w") as out:
                status = subprocess.run(["/usr/sbin/postfix", "-c", str(self.etc), "start"], stdin=subprocess.DEVNULL,
                                        stdout=out, stderr=out, timeout=60).returncode
            self.started = status == 0
            assert self.started, (self.folder / "start").read_text() + self.log_text()
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def sendmail(self, sender, recipients, message):
        """Hands over a message by the command sendmail, which wants lines that end in LF."""
        subprocess.run(["/usr/sbin/sendmail", "-C", str(self.etc), "-i", "-f", sender, *recipients],
                       input=message.replace(b"\r\n", b"\n"), check=True, timeout=60)

    def queue(self):
        done = self.command("/usr/sbin/postqueue", "-c", str(self.etc), "-j")
        assert done.returncode == 0, done.stdout
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_empty(self, timeout):
        deadline = time.monotonic() + timeout
        while left := self.queue():
            assert time.monotonic() < deadline, f"{len(left)} messages are still queued, the first: {left[0]}"
            time.sleep(0.2)

    def log_text(self):
        path = self.folder / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def __exit__(self, kind, value, trace):
        if self.started:
            self.command("/usr/sbin/postfix", "-c", str(self.etc), "stop")
        if kind is not None:
            print(self.log_text()[-4000:])
        shutil.rmtree(self.folder, ignore_errors=True)

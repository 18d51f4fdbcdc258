# SPDX-License-Identifier: Apache-2.0
"""A Dovecot of the tests' own: Debian's program with our configuration, in a folder that goes away again."""
import grp
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

PASSWORD = "dovecot-password"
MAIL_UID = 64990  # nobody's: mail processes refuse to be root
FIRST_PORT, LAST_PORT = 26000, 26999

CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
instance_name = siegel-test
protocols = {protocols}
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_location = maildir:~/Maildir:LAYOUT=fs:INBOX=~/Maildir/.INBOX
mail_max_userip_connections = 0
mail_fsync = never
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = static
  args = password={{PLAIN}}{password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%n allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
{mailboxes}}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  client_limit = 100
}}
"""

SPECIAL = (("Drafts", "Drafts"), ("Sent", "Sent"), ("Junk", "Junk"), ("Trash", "Trash"), ("Archive", "Archive"))


given = set()  # ports that were found free for programs that may not have begun yet


def free_port(first=FIRST_PORT, last=LAST_PORT):
    for _ in range(2):
        for port in range(first + os.getpid() % 400, last):
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", port))
                except OSError:
                    continue
            if port not in given:
                given.add(port)
                return port
        given.clear()
    raise RuntimeError("no free port")


LMTP = """\
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
protocol lmtp {{
  auth_username_format = %Ln
}}
"""


class Dovecot:
    """with Dovecot() as d: any login with PASSWORD reads its mail by IMAP without TLS at d.port. lmtp: mail comes in by LMTP at
    d.lmtp, for anybody."""

    def __init__(self, lmtp=False):
        self.lmtp = free_port() if lmtp else None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="siegel-dovecot-"))
        self.port = free_port()
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def configuration(self):
        uid = MAIL_UID if os.getuid() == 0 else os.getuid()
        gid = MAIL_UID if os.getuid() == 0 else os.getgid()
        user = "dovecot" if os.getuid() == 0 else pwd.getpwuid(uid).pw_name
        group = "dovecot" if os.getuid() == 0 else grp.getgrgid(gid).gr_name
        mailboxes = "".join(f"  mailbox {name} {{\n    auto = subscribe\n    special_use = \\{use}\n  }}\n"
                            for name, use in SPECIAL) + "  mailbox INBOX {\n    auto = subscribe\n  }\n"
        more = LMTP.format(port=self.lmtp) if self.lmtp else ""
        return more + CONFIGURATION.format(protocols="imap lmtp" if self.lmtp else "imap", folder=self.folder, port=self.port, uid=uid,
                                           gid=gid, user=user, group=group, password=PASSWORD, mailboxes=mailboxes)

    def start(self):
        os.chmod(self.folder, 0o755)
        mail = self.folder / "mail"
        mail.mkdir()
        if os.getuid() == 0:
            os.chown(mail, MAIL_UID, MAIL_UID)
        path = self.folder / "dovecot.conf"
        path.write_text(self.configuration())
        program = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
        assert program, "dovecot is not installed: scripts/deps.sh"
        self.process = subprocess.Popen([program, "-F", "-c", str(path)], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, self.log_text()
                time.sleep(0.05)

    def log_text(self):
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def __exit__(self, kind, value, trace):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if kind is not None:
            print(self.log_text()[-3000:])
        shutil.rmtree(self.folder, ignore_errors=True)

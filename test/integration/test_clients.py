# SPDX-License-Identifier: Apache-2.0
"""Programs that people use, each with a real task from one end to the other."""
import email.message
import imaplib
import os
import pathlib
import pty
import re
import select
import smtplib
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.imap import Client  # noqa: E402
from harness.server import PASSWORD, Server  # noqa: E402

PEOPLE = ("anna", "bert", "carl", "dora", "emil", "fina", "gerd")


@pytest.fixture(scope="module")
def server():
    with Server(settings=["smtp.errors_max=50"]) as s:
        for name in PEOPLE:
            s.account(f"kx-{name}")
        yield s


def certificate(server):
    return str(server.folder / "keys" / "tls.crt")


def run(*command, input=None, status=0, timeout=60, env=None):
    """Runs a program; its output as text."""
    data = input.encode() if isinstance(input, str) else input
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                          env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL if data is None else None)
    output = done.stdout.decode("utf-8", "replace")
    assert status is None or done.returncode == status, f"{command}: status {done.returncode}\n{output}"
    return output


def login(server, who):
    client = Client(server.connect("imaps"))
    client.login(f"kx-{who}", PASSWORD)
    return client


def fetch(server, who, folder="INBOX", items="FLAGS BODY.PEEK[]"):
    """[{item: value}] of a folder."""
    client = login(server, who)
    client.ok(f'SELECT "{folder}"')
    found = [dict(zip(u[2][::2], u[2][1::2])) for u in client.ok(f"UID FETCH 1:* ({items})").of("FETCH")]
    client.close()
    return found


def has_mail(server, who, subject, folder="INBOX"):
    return [m for m in fetch(server, who, folder) if f"Subject: {subject}\r\n".encode() in m["BODY[]"]]


def deliver(server, who, subject, body="hello\r\n"):
    """A mail from outside, until it is there."""
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60) as client:
        client.sendmail("someone@elsewhere.test", [f"{who}@example.test"], f"From: someone@elsewhere.test\r\nSubject: {subject}\r\n\r\n{body}")
    return server.wait_for(lambda: has_mail(server, who, subject))[0]


# ---- curl ------------------------------------------------------------------------------------------------------------

def curl(server, service, path, *options, input=None, who="anna"):
    """URL schemes smtp and imap with STARTTLS required, smtps and imaps with TLS from the start."""
    port = server.port({"smtp": "submission", "smtps": "submissions"}.get(service, service))
    return run("curl", "-sS", "--ssl-reqd", "--max-time", "30", "--cacert", certificate(server), "--connect-to",
               f"{server.hostname}:{port}:127.0.0.1:{port}", "--user", f"kx-{who}:{PASSWORD}", *options,
               f"{service}://{server.hostname}:{port}/{path}", input=input)


@pytest.mark.parametrize("service", ("smtp", "smtps"))
def test_curl_submits(server, service):
    mail = f"From: anna@example.test\r\nTo: bert@example.test\r\nSubject: curl by {service}\r\n\r\n..dots\r\n"
    curl(server, service, "client.test", "--mail-from", "anna@example.test", "--mail-rcpt", "bert@example.test", "--upload-file", "-",
         input=mail)
    found = server.wait_for(lambda: has_mail(server, "bert", f"curl by {service}"))
    assert found[0]["BODY[]"].endswith(mail.encode())
    assert b"with ESMTPSA\r\n" in found[0]["BODY[]"]


@pytest.mark.parametrize("service", ("imap", "imaps"))
def test_curl_reads(server, service, tmp_path):
    uid_mail = deliver(server, "anna", f"for curl by {service}")["BODY[]"]
    found = curl(server, service, "INBOX", "-X", f'UID SEARCH SUBJECT "for curl by {service}"')
    uid = re.fullmatch(r"\* SEARCH (\d+)\s*", found)[1]
    assert curl(server, service, f"INBOX;UID={uid}").encode() == uid_mail.replace(b"\r\n", b"\n") or \
        curl(server, service, f"INBOX;UID={uid}").encode() == uid_mail
    assert "Junk" in curl(server, service, "")
    curl(server, service, "INBOX", "-X", f"UID STORE {uid} +FLAGS (\\Flagged)")
    (tmp_path / "mail").write_bytes(f"Subject: put there by curl with {service}\r\n\r\nx\r\n".encode())
    curl(server, service, "Archive", "--upload-file", str(tmp_path / "mail"))
    assert has_mail(server, "anna", f"put there by curl with {service}", "Archive")


def test_curl_refused_login(server):
    output = run("curl", "-sS", "--cacert", certificate(server), "--connect-to", f"::127.0.0.1:{server.port('imaps')}", "--user",
                 "kx-anna:wrong password", f"imaps://{server.hostname}:{server.port('imaps')}/", status=67)
    assert "denied" in output


# ---- Python ----------------------------------------------------------------------------------------------------------

def test_smtplib(server):
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "carl@example.test", "dora@example.test, emil@example.test", "smtplib"
    mail.set_content("Gr\u00fc\u00dfe")
    mail.add_attachment(bytes(range(256)) * 100, maintype="application", subtype="octet-stream", filename="all bytes.bin")
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=60) as client:
        client._host = server.hostname  # the name that is verified
        client.starttls(context=server.tls_context())
        client.login("kx-carl", PASSWORD)
        assert client.send_message(mail) == {}
    for who in ("dora", "emil"):
        found = server.wait_for(lambda who=who: has_mail(server, who, "smtplib"))
        parts = list(email.message_from_bytes(found[0]["BODY[]"]).walk())
        assert parts[-1].get_payload(decode=True) == bytes(range(256)) * 100


def test_smtplib_login_mechanism(server):
    with smtplib.SMTP_SSL("127.0.0.1", server.port("submissions"), timeout=60, context=unverified_name(server)) as client:
        client.ehlo()
        client.user, client.password = "kx-carl", PASSWORD
        assert client.auth("LOGIN", client.auth_login)[0] == 235


def unverified_name(server):
    """Checks the certificate; not its name, since the client can only be told 127.0.0.1."""
    context = server.tls_context()
    context.check_hostname = False
    return context


def test_imaplib(server):
    deliver(server, "carl", "for imaplib")
    with imaplib.IMAP4("127.0.0.1", server.port("imap")) as client:
        client.host = server.hostname
        client.starttls(server.tls_context())
        client.login("kx-carl", PASSWORD)
        assert client.create("Projects/One")[0] == "OK"
        assert client.select("INBOX")[0] == "OK"
        uid = client.uid("SEARCH", None, "SUBJECT", '"for imaplib"')[1][0]
        kind, data = client.uid("FETCH", uid, "(FLAGS BODY.PEEK[HEADER])")
        assert kind == "OK" and b"Subject: for imaplib" in data[0][1]
        assert client.uid("STORE", uid, "+FLAGS", r"(\Answered $Work)")[0] == "OK"
        assert client.uid("COPY", uid, "Projects/One")[0] == "OK"
        assert client.append("Projects/One", r"(\Seen)", imaplib.Time2Internaldate(time.time()), b"Subject: put\r\n\r\nthere\r\n")[0] == "OK"
        assert client.select("Projects/One") == ("OK", [b"2"])
        assert client.store("1", "+FLAGS", r"\Deleted")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        assert client.close()[0] == "OK"
        assert client.rename("Projects/One", "Projects/Two")[0] == "OK"
        names = b"\n".join(client.list()[1])
        assert b"Projects/Two" in names and b"Projects/One" not in names
        assert client.delete("Projects/Two")[0] == "OK"
        assert client.logout()[0] == "BYE"


def test_imaplib_authenticate(server):
    with imaplib.IMAP4_SSL("127.0.0.1", server.port("imaps"), ssl_context=unverified_name(server)) as client:
        assert client.authenticate("PLAIN", lambda _: f"\0kx-carl\0{PASSWORD}".encode())[0] == "OK"


# ---- mbsync ----------------------------------------------------------------------------------------------------------

MBSYNC = """\
IMAPAccount siegel
Host 127.0.0.1
Port {port}
User kx-fina
Pass "{password}"
SSLType IMAPS
CertificateFile {certificate}

IMAPStore far
Account siegel

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
"""


class Mbsync:
    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        (folder / "mail").mkdir()
        (folder / "rc").write_text(MBSYNC.format(port=server.port("imaps"), password=PASSWORD, certificate=certificate(server), folder=folder))

    def sync(self):
        run("mbsync", "-c", str(self.folder / "rc"), "-a")

    def near(self, folder="INBOX"):
        """Subject -> path."""
        found = {}
        for path in (self.folder / "mail" / folder).glob("*/*"):
            found[re.search(rb"Subject: (.*)", path.read_bytes())[1].decode().strip()] = path
        return found

    def far(self, folder="INBOX"):
        """Subject -> flags."""
        found = fetch(self.server, "fina", folder)
        return {re.search(rb"Subject: (.*)\r", m["BODY[]"])[1].decode(): set(m["FLAGS"]) - {"\\Recent"} for m in found}

    def put(self, subject, folder="INBOX"):
        path = self.folder / "mail" / folder / "cur" / f"{time.time()}.{subject}.here:2,"
        path.write_text(f"From: fina@example.test\nSubject: {subject}\n\nbody\n")

    def flag(self, subject, flags, folder="INBOX"):
        path = self.near(folder)[subject]
        path.rename(path.parent.parent / "cur" / (path.name.split(":")[0] + ":2," + flags))


def test_mbsync(server, tmp_path):
    """Two-way: mails, flags, deletions and folders, from either side."""
    both = Mbsync(server, tmp_path)
    for name in ("one", "two", "three"):
        deliver(server, "fina", name)
    both.sync()
    assert both.near().keys() == {"one", "two", "three"}
    both.put("four")
    both.flag("one", "FS")
    both.flag("two", "ST")
    (tmp_path / "mail" / "Made here" / "cur").mkdir(parents=True)
    for name in ("new", "tmp"):
        (tmp_path / "mail" / "Made here" / name).mkdir()
    both.put("five", "Made here")
    client = login(server, "fina")
    client.ok("CREATE there")
    client.ok("APPEND there (\\Flagged) {}", b"Subject: six\r\n\r\nbody\r\n")
    client.ok("SELECT INBOX")
    number = client.ok("SEARCH SUBJECT three").of("SEARCH")[0][1]
    client.ok(f"STORE {number} +FLAGS (\\Answered)")
    both.sync()
    assert both.far() == {"one": {"\\Flagged", "\\Seen"}, "three": {"\\Answered"}, "four": set()}
    assert both.far("Made here") == {"five": set()}
    assert both.near().keys() == {"one", "three", "four"}
    assert both.near()["three"].name.endswith(":2,R")
    assert both.near("there")["six"].name.endswith(":2,F")
    client.ok("NOOP")
    number = client.ok("SEARCH SUBJECT one").of("SEARCH")[0][1]
    client.ok(f"STORE {number} +FLAGS (\\Deleted)")
    client.ok("EXPUNGE")
    both.near()["four"].unlink()
    both.sync()
    assert both.far().keys() == both.near().keys() == {"three"}
    client.ok("DELETE there")
    client.close()


# ---- mutt ------------------------------------------------------------------------------------------------------------

MUTTRC = """\
set from="gerd@example.test" realname="Gerd" use_from=yes envelope_from=yes hostname="example.test"
set smtp_url="smtps://kx-gerd@127.0.0.1:{submissions}/" smtp_pass="{password}"
set imap_user="kx-gerd" imap_pass="{password}" folder="imaps://127.0.0.1:{imaps}/" spoolfile="+INBOX" record="+Sent"
set ssl_force_tls=yes ssl_verify_host=no ssl_ca_certificates_file="{certificate}" certificate_file="{certificate}"
set wait_key=no quit=yes confirmappend=no delete=yes move=no mail_check=0 sleep_time=0
unset header_cache message_cachedir
"""


def mutt(server, folder, *options, input=None, keys=None):
    """Runs mutt; with keys in a terminal, where it ends by itself."""
    rc = folder / "muttrc"
    rc.write_text(MUTTRC.format(password=PASSWORD, certificate=certificate(server), submissions=server.port("submissions"),
                                imaps=server.port("imaps")))
    command = ["mutt", "-n", "-F", str(rc), *options]
    env = {"HOME": str(folder), "TERM": "xterm", "LANG": "C.UTF-8"}
    if keys is None:
        return run(*command, input=input, env=env)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], [*command, "-e", f"push '{keys}'"], {**os.environ, **env})
    return watch_terminal(pid, terminal)


def watch_terminal(pid, terminal, timeout=90):
    screen, deadline = b"", time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            screen += os.read(terminal, 65536)
        except OSError:  # its end is closed
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, screen
            os.close(terminal)
            return screen.decode("utf-8", "replace")
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    raise AssertionError(f"mutt did not end: {screen[-3000:]!r}")


def test_mutt_sends_and_files(server, tmp_path):
    """By submission to another user, and a copy by IMAP into Sent."""
    mutt(server, tmp_path, "-s", "sent by mutt", "--", "bert@example.test", input="Hello Bert\n")
    found = server.wait_for(lambda: has_mail(server, "bert", "sent by mutt"))
    assert b"Hello Bert" in found[0]["BODY[]"]
    copies = has_mail(server, "gerd", "sent by mutt", "Sent")
    assert copies and "\\Seen" in copies[0]["FLAGS"]


def test_mutt_reads_and_deletes(server, tmp_path):
    """Opens the mailbox, saves a mail to a file and another one to a folder, which deletes it from the inbox."""
    deliver(server, "gerd", "first for mutt")
    deliver(server, "gerd", "second for mutt")
    keys = (f"<search>~s first<enter><display-message><exit><pipe-message>cat > {tmp_path}/read<enter><search>~s second<enter><save-message>=Archive<enter>"
            "<sync-mailbox><quit>")
    screen = mutt(server, tmp_path, "-f", "=INBOX", keys=keys)
    assert (tmp_path / "read").exists(), screen
    assert "Subject: first for mutt" in (tmp_path / "read").read_text()
    assert has_mail(server, "gerd", "second for mutt", "Archive")
    assert not has_mail(server, "gerd", "second for mutt")
    assert "\\Seen" in has_mail(server, "gerd", "first for mutt")[0]["FLAGS"]


# ---- swaks -----------------------------------------------------------------------------------------------------------

def swaks(server, service, *options, status=0):
    return run("swaks", "--server", "127.0.0.1", "--port", str(server.port(service)), "--helo", "client.test", "--timeout", "30",
               *options, status=status)


def test_swaks_delivers(server):
    for number, options in enumerate((("-tls", "--tls-verify", "--tls-ca-path", certificate(server)), ("-tls", "--pipeline"), ("--pipeline",),
                                      ("--protocol", "SMTP"), ("-tls", "--tls-protocol", "tlsv1_2"), ("-tls", "--tls-protocol", "tlsv1_3"))):
        swaks(server, "smtp", *options, "--from", "a@elsewhere.test", "--to", "dora@example.test", "--header", f"Subject: swaks {number}")
        server.wait_for(lambda number=number: has_mail(server, "dora", f"swaks {number}"))


@pytest.mark.parametrize("mechanism", ("PLAIN", "LOGIN"))
def test_swaks_authenticates(server, mechanism):
    for service, options in (("submission", ("-tls",)), ("submissions", ("-tlsc",))):
        output = swaks(server, service, *options, "--auth", mechanism, "--auth-user", "kx-dora", "--auth-password", PASSWORD,
                       "--from", "dora@example.test", "--to", "emil@example.test", "--header", f"Subject: swaks {mechanism} {service}")
        assert "235" in output
        server.wait_for(lambda service=service: has_mail(server, "emil", f"swaks {mechanism} {service}"))
    output = swaks(server, "submission", "-tls", "--auth", mechanism, "--auth-user", "kx-dora", "--auth-password", "wrong", "--from",
                   "dora@example.test", "--to", "emil@example.test", status=28)
    assert "535 5.7.8" in output
    assert "AUTH" not in swaks(server, "submission", "--quit-after", "EHLO")


def test_swaks_lmtp(server):
    output = swaks(server, "lmtp", "--protocol", "LMTP", "--from", "a@elsewhere.test", "--to", "dora@example.test,emil@example.test",
                   "--header", "Subject: swaks LMTP")
    assert output.count("250 2.0.0") >= 2
    for who in ("dora", "emil"):
        server.wait_for(lambda who=who: has_mail(server, who, "swaks LMTP"))


# ---- openssl ---------------------------------------------------------------------------------------------------------

ENTRANCES = (("imaps", ()), ("submissions", ()), ("smtp", ("-starttls", "smtp")), ("submission", ("-starttls", "smtp")),
             ("imap", ("-starttls", "imap")))


def s_client(server, service, *options, status=0):
    return run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port(service)}", "-servername", server.hostname, *options,
               input="", status=status, timeout=60)


@pytest.mark.parametrize("service,starttls", ENTRANCES)
def test_tls_versions(server, service, starttls):
    """TLS 1.2 and 1.3 with forward secrecy; nothing older (RFC 8996 4, 5)."""
    for version, cipher in (("1_2", ()), ("1_3", ())):
        output = s_client(server, service, *starttls, f"-tls{version}", *cipher)
        assert f"Protocol  : TLSv{version.replace('_', '.')}" in output or f"New, TLSv{version.replace('_', '.')}" in output
    for options in (("-tls1",), ("-tls1_1",), ("-tls1_2", "-cipher", "AES128-SHA:AES256-SHA:AES128-GCM-SHA256"),
                    ("-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA")):
        with_weak = (*options, "-cipher", "ALL:@SECLEVEL=0") if len(options) == 1 else options
        assert "Cipher is (NONE)" in s_client(server, service, *starttls, *with_weak, status=None), options


@pytest.mark.parametrize("service,starttls", ENTRANCES)
def test_certificate(server, service, starttls):
    output = s_client(server, service, *starttls, "-CAfile", certificate(server), "-verify_return_error", "-verify_hostname",
                      server.hostname)
    assert "Verify return code: 0 (ok)" in output
    assert "Verify return code: 0" not in s_client(server, service, *starttls, "-CAfile", certificate(server), "-verify_return_error",
                                                   "-verify_hostname", "other.example.test", status=None)


def test_no_renegotiation(server):
    output = run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port('imaps')}", "-tls1_2", input="R\n", status=None)
    after = output.partition("RENEGOTIATING")[2]
    assert "depth=" not in after, after  # no second certificate
    # Refused; or the greeting comes first, which the client takes for an answer that is none.
    assert any(word in after for word in ("no renegotiation", "alert", "unexpected record")), output[-500:]


# ---- fetchmail -------------------------------------------------------------------------------------------------------

def test_fetchmail(server, tmp_path):
    """Fetches all, hands each to a program, and deletes it from the server."""
    for number in range(3):
        deliver(server, "emil", f"fetchmail {number}")
    count = len(fetch(server, "emil"))
    rc = tmp_path / "rc"
    rc.write_text(f'poll 127.0.0.1 protocol IMAP port {server.port("imaps")} user "kx-emil" password "{PASSWORD}" ssl no sslcertck '
                  f'sslcertfile "{certificate(server)}" no rewrite mda "cat >> {tmp_path}/mails"\n')
    rc.chmod(0o600)
    run("fetchmail", "-f", str(rc), "--pidfile", str(tmp_path / "pid"), "--idfile", str(tmp_path / "ids"), "-a", env={"HOME": str(tmp_path)})
    mails = (tmp_path / "mails").read_text()
    assert mails.count("Subject: fetchmail ") == 3 and len(re.findall("^Received: from ", mails, re.M)) >= count
    assert fetch(server, "emil") == []

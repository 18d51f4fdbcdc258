#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks Dovecot (package dovecot-imapd) for ENVELOPE, BODYSTRUCTURE and BODY of the messages of a folder and writes its
answers, with our way of quoting, into the file "answers" there: dovecot_answers.py test/data/mime-mime4j ...
Its imap process is started alone, as an ordinary user, on a throw-away Maildir; no server runs and no port is opened.
The records of the file are "name size LF answer LF"."""
import os
import re
import subprocess
import sys
import tempfile

USER = 65534
KEPT = ("SOURCE.txt", "LICENSE.txt", "answers")
CONF = """base_dir = %(top)s/run
state_dir = %(top)s/run
log_path = %(top)s/log
ssl = no
mail_location = maildir:%(top)s/Maildir
mail_uid = %(user)d
mail_gid = %(user)d
first_valid_uid = 0
namespace inbox {
  inbox = yes
}
"""


def messages(folder):
    for name in sorted(os.listdir(folder)):
        if name not in KEPT and not name.endswith(".json"):
            with open(os.path.join(folder, name), "rb") as file:
                yield name, re.sub(rb"\r?\n", b"\r\n", file.read())


def replies(output):
    """The lines of an IMAP dialogue, each with its literals."""
    at, line = 0, b""
    while at < len(output):
        end = output.index(b"\r\n", at) + 2
        line += output[at:end]
        at = end
        literal = re.search(rb"\{(\d+)\}\r\n$", line)
        if literal:
            line += output[at:at + int(literal[1])]
            at += int(literal[1])
        else:
            yield line[:-2]
            line = b""


def ask(folder):
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        for part in ("run", "Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"):
            os.mkdir(os.path.join(top, part))
        names = []
        for name, message in messages(folder):
            names.append(name)
            with open("%s/Maildir/cur/%d.M1P1.h:2,S" % (top, 1000000 + len(names)), "wb") as file:
                file.write(message)
        with open(top + "/conf", "w", encoding="ascii") as file:
            file.write(CONF % {"top": top, "user": USER})
        subprocess.run(["chown", "-R", "%d:%d" % (USER, USER), top], check=True)
        dialogue = b"a select inbox\r\nb fetch 1:* (envelope bodystructure body)\r\nc logout\r\n"
        done = subprocess.run(
            ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", "/usr/lib/dovecot/imap", "-c",
             top + "/conf"], input=dialogue, capture_output=True, env={"HOME": top, "USER": "u"}, check=True)
        for reply in replies(done.stdout):
            found = re.match(rb"\* (\d+) FETCH (.*)", reply, re.S)
            if found:
                yield names[int(found[1]) - 1], found[2]


def quoted(text):
    if re.search(rb"[\0\r\n\x80-\xff]", text):
        return b"{%d}\r\n%s" % (len(text), text)
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", text) + b'"'


def requoted(answer):
    out, at = b"", 0
    while at < len(answer):
        literal = re.compile(rb"\{(\d+)\}\r\n").match(answer, at)
        string = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.S).match(answer, at)
        if literal:
            at = literal.end() + int(literal[1])
            out += quoted(answer[literal.end():at])
        elif string:
            out += quoted(re.sub(rb"\\(.)", rb"\1", string[1]))
            at = string.end()
        else:
            out += answer[at:at + 1]
            at += 1
    return out


def main():
    for folder in sys.argv[1:]:
        with open(os.path.join(folder, "answers"), "wb") as file:
            for name, answer in ask(folder):
                answer = requoted(answer)
                file.write(b"%s %d\n%s\n" % (name.encode(), len(answer), answer))


main()

# SPDX-License-Identifier: Apache-2.0
"""Test messages: other people's (test/data/mime-*) and ones made from a seed. All lines end in CRLF."""
import base64
import pathlib
import re

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
NOT_MESSAGES = ("SOURCE.txt", "LICENSE.txt", "license.md", "answers")
PEOPLE = ("Anna Huber", "Bert O'Neill", "\u00c7i\u011fdem Y\u0131lmaz", "Zo\u00eb", "Doe, John", "")
WORDS = ("invoice", "meeting", "Grundst\u00fcck", "report", "lunch", "\u043f\u0440\u0438\u0432\u0435\u0442", "urgent", "\u65e5\u672c\u8a9e",
         "seal", "minutes")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def with_crlf(data):
    return re.sub(rb"\r\n|\r|\n", b"\r\n", data)


def collected():
    """[(name, message)] of test/data, sorted by name."""
    found = []
    for folder in sorted(DATA.glob("mime-*")):
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.name not in NOT_MESSAGES:
                found.append((path.name, with_crlf(path.read_bytes())))
    return found


def encoded_word(text):
    if text.isascii():
        return text
    return "=?utf-8?B?" + base64.b64encode(text.encode()).decode() + "?="


def date(random):
    zone = random.choice(("+0000", "+0200", "-0730", "GMT", "EST"))
    day, month = random.randint(1, 28), random.choice(MONTHS)
    return f"{day} {month} {random.randint(1999, 2031)} {random.randint(0, 23):02}:{random.randint(0, 59):02}:30 {zone}"


def mailbox(random):
    name = random.choice(PEOPLE)
    address = f"{random.choice(('anna', 'bert', 'info', 'a.b-c'))}@{random.choice(('example.test', 'Elsewhere.Test'))}"
    if not name:
        return address
    name = encoded_word(name)
    return f'"{name}" <{address}>' if "," in name or "'" in name else f"{name} <{address}>"


def mailboxes(random):
    return ",\r\n ".join(mailbox(random) for _ in range(random.choice((1, 1, 2, 5))))


def header(random, number):
    subject = " ".join(random.choice(WORDS) for _ in range(random.randint(1, 4)))
    lines = [f"Subject: {encoded_word(subject)}", f"From: {mailbox(random)}", f"To: {mailboxes(random)}",
             f"Message-ID: <{number}.{random.getrandbits(40):x}@elsewhere.test>"]
    if random.random() < 0.9:
        lines.append(f"Date: {date(random)}")
    for name in ("Cc", "Bcc", "Sender", "Reply-To"):
        if random.random() < 0.3:
            lines.append(f"{name}: {mailbox(random) if name == 'Sender' else mailboxes(random)}")
    if random.random() < 0.3:
        lines.append(f"X-Number: {number}")
    if random.random() < 0.2:
        lines.append("In-Reply-To: <first@elsewhere.test>")
    random.shuffle(lines)
    return lines


def prose(random, lines):
    made = []
    for _ in range(lines):
        made.append(" ".join(random.choice(WORDS) for _ in range(random.randint(0, 12))))
    return "\r\n".join(made) + random.choice(("", "\r\n"))


def text_part(random):
    text = prose(random, random.choice((0, 1, 5, 60)))
    kind = random.randrange(4)
    if kind == 0:
        return ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"], text.encode()
    if kind == 1:
        return (["Content-Type: text/html; charset=\"utf-8\"", "Content-Transfer-Encoding: base64"],
                with_crlf(base64.encodebytes(text.encode())))
    if kind == 2:
        quoted = "".join(c if c.isascii() and c != "=" else "".join(f"={b:02X}" for b in c.encode()) for c in text)
        return ["Content-Type: text/plain; charset=utf-8; format=flowed",
                "Content-Transfer-Encoding: quoted-printable"], quoted.encode()
    return ["Content-Type: text/plain; charset=us-ascii"], text.encode("ascii", "replace")


def attachment(random):
    name = random.choice(("plan.pdf", "holiday photo.jpg", "notes"))
    body = with_crlf(base64.encodebytes(random.randbytes(random.choice((0, 10, 3000)))))
    return [f'Content-Type: application/octet-stream; name="{name}"', "Content-Transfer-Encoding: base64",
            f'Content-Disposition: attachment; filename="{name}"', "Content-ID: <part@elsewhere.test>",
            "Content-Description: an attachment", "Content-Language: de, en"], body


def multipart(random, depth):
    boundary = f"b{random.getrandbits(32):x}"
    pieces = [b"preamble\r\n"] if random.random() < 0.3 else []
    for _ in range(random.randint(1, 3)):
        lines, body = entity(random, depth + 1)
        pieces.append(b"--%s\r\n" % boundary.encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + body + b"\r\n")
    pieces.append(b"--%s--\r\n" % boundary.encode())
    kind = random.choice(("mixed", "alternative", "related"))
    return [f'Content-Type: multipart/{kind}; boundary="{boundary}"'], b"".join(pieces)


def enclosed(random):
    return ["Content-Type: message/rfc822"], message(random, 0, 2)


def entity(random, depth):
    kinds = [text_part, attachment]
    if depth < 3:
        kinds += [lambda r: multipart(r, depth), enclosed]
    return random.choice(kinds)(random)


def message(random, number, depth=0):
    lines = header(random, number)
    more, body = entity(random, depth)
    if random.random() < 0.9:
        lines += ["MIME-Version: 1.0", *more]
    else:
        body = prose(random, 3).encode()
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def test_mails(random, count=200):
    found = collected()[:count]
    return found + [(f"generated-{n}", message(random, n)) for n in range(count - len(found))]

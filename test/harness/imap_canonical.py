# SPDX-License-Identifier: Apache-2.0
"""IMAP answers in one form, so that those of two servers can be compared: what the RFC leaves to the server (order,
quoting, texts, UIDVALIDITY, case of names) is gone, everything else is kept to the byte."""
import datetime
import re
import time

NOW_SECONDS = 3600
# Of tagged answers: codes that a client acts on. Others are advice in words.
CODES = ("READ-WRITE", "READ-ONLY", "TRYCREATE", "APPENDUID", "COPYUID", "BADCHARSET")
# Of untagged OK answers.
STATES = ("UIDNEXT", "UIDVALIDITY", "PERMANENTFLAGS", "UNSEEN", "COPYUID")
MARKS = ("\\marked", "\\unmarked")  # RFC 3501 7.2.2: a server may give neither
LSUB_ATTRIBUTES = ("\\noselect",)  # RFC 3501 6.3.9: the only one with a meaning there


class View:
    """Messages of the selected mailbox as this client must see them: labels by sequence number."""

    def __init__(self):
        self.labels, self.next = [], 1

    def select(self):
        self.labels, self.next = [], 1

    def exists(self, count):
        while len(self.labels) < count:
            self.labels.append(self.next)
            self.next += 1
        assert len(self.labels) == count, "EXISTS may not take messages away (RFC 3501 7.3.1)"

    def expunge(self, number):
        assert 1 <= number <= len(self.labels), f"EXPUNGE {number} of {len(self.labels)}"
        return self.labels.pop(number - 1)

    def label(self, number):
        assert 1 <= number <= len(self.labels), f"FETCH {number} of {len(self.labels)}"
        return self.labels[number - 1]


def numbers(text):
    """A set of UIDs as a list, in its order."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        low, high = sorted((int(first), int(last or first)))
        found.extend(range(low, high + 1))
    return found


def code(text, wanted):
    words = (text or "").split(" ")
    name = words[0].upper()
    if name not in wanted:
        return None
    if name in ("UIDVALIDITY", "BADCHARSET"):
        return name
    if name == "COPYUID":
        return name, sorted(zip(numbers(words[2]), numbers(words[3])))
    if name == "APPENDUID":
        return name, words[2]
    if name == "PERMANENTFLAGS":
        return name, flags(re.findall(r"[^ ()]+", text)[1:])
    return text


def flags(found):
    return tuple(sorted(flag.lower() if flag.startswith("\\") else flag for flag in found))


def lower(value):
    return value.lower() if isinstance(value, bytes) else value


def parameters(value):
    if value is None:
        return None
    return [lower(v) if i % 2 == 0 else v for i, v in enumerate(value)]


def disposition(value):
    return None if value is None else [lower(value[0]), parameters(value[1])]


def language(value):
    return [value] if isinstance(value, bytes) else value


EXTENSIONS = (lambda v: v, disposition, language, lambda v: v)  # location comes last; MD5 or parameters first


def structure(value):
    """BODY or BODYSTRUCTURE: names in lower case, as they are the same in any case."""
    if isinstance(value[0], list):
        parts = [v for v in value if isinstance(v, list)][:next(i for i, v in enumerate(value) if not isinstance(v, list))]
        rest = value[len(parts):]
        more = [parameters(rest[1])] + [f(v) for f, v in zip(EXTENSIONS[1:], rest[2:])] if len(rest) > 1 else []
        return [*map(structure, parts), lower(rest[0]), *more]
    made = [lower(value[0]), lower(value[1]), parameters(value[2]), value[3], value[4], lower(value[5]), value[6]]
    rest = value[7:]
    if made[0] == b"text":
        made.append(rest.pop(0))
    elif made[:2] == [b"message", b"rfc822"] and rest and isinstance(rest[0], list):
        made += [rest.pop(0), structure(rest.pop(0)), rest.pop(0)]
    return made + [f(v) for f, v in zip(EXTENSIONS, rest)]


def moment(text):
    """Seconds since 1970; what an APPEND without a date gave is "now", as two servers' clocks are asked one after the other."""
    seconds = datetime.datetime.strptime(text.decode().strip(), "%d-%b-%Y %H:%M:%S %z").timestamp()
    return "now" if abs(time.time() - seconds) < NOW_SECONDS else seconds


def fetched(pairs):
    found = {}
    for name, value in zip(pairs[::2], pairs[1::2]):
        name = name.upper()
        if name == "FLAGS":
            value = flags(value)
        elif name == "INTERNALDATE":
            value = moment(value)
        elif name in ("BODY", "BODYSTRUCTURE"):
            value = structure(value)
        found[re.sub(r'"', "", name)] = value
    return found


def listed(values):
    attributes, delimiter, name = values[:3]
    name = name if isinstance(name, bytes) else (name or "NIL").encode()
    name = b"INBOX" if name.upper() == b"INBOX" else name
    return tuple(a for a in flags(attributes) if a not in MARKS), delimiter, name


def name_of(value):
    value = value if isinstance(value, bytes) else value.encode()
    return b"INBOX" if value.upper() == b"INBOX" else value


def counts(values):
    found = dict(zip((v.upper() for v in values[1][::2]), values[1][1::2]))
    if "UIDVALIDITY" in found:
        found["UIDVALIDITY"] = int(found["UIDVALIDITY"]) > 0
    return name_of(values[0]), found


class Canonical:
    """One answer. `messages`: label -> items of FETCH; `lines`: everything else, in order of its text."""

    def __init__(self, answer, view):
        self.status, self.messages, self.lines = answer.status, {}, []
        self.add_code(code(answer.code, CODES), "tagged")
        for untagged in answer.untagged:
            self.add(untagged, view)
        self.lines.sort(key=repr)

    def add_code(self, found, where):
        if found is not None:
            self.lines.append((where, found))

    def add(self, untagged, view):
        name = untagged[1] if isinstance(untagged[0], int) else untagged[0]
        name = name.upper()
        if name == "FETCH":
            self.messages.setdefault(view.label(untagged[0]), {}).update(fetched(untagged[2]))
        elif name == "EXPUNGE":
            self.lines.append(("EXPUNGE", view.expunge(untagged[0])))
        elif name == "EXISTS":
            view.exists(untagged[0])
            self.lines.append(("EXISTS", untagged[0]))
        elif name == "RECENT":
            self.lines.append((name, untagged[0]))
        elif name in ("OK", "NO", "BAD"):
            self.add_code(code(untagged[1], STATES), name)
        elif name == "FLAGS":
            self.lines.append((name, flags(untagged[1])))
        elif name in ("LIST", "LSUB"):
            attributes, delimiter, mailbox = listed(untagged[1:])
            if name == "LSUB":
                attributes = tuple(a for a in attributes if a in LSUB_ATTRIBUTES)
            self.lines.append((name, attributes, delimiter, mailbox))
        elif name == "SEARCH":
            self.lines.append((name, sorted(map(int, untagged[1:]))))
        elif name == "STATUS":
            self.lines.append((name, counts(untagged[1:])))
        elif name in ("CAPABILITY", "ID"):
            self.lines.append((name,))
        else:
            self.lines.append(tuple(map(repr, untagged)))

    def differences(self, other):
        """[(where, ours, theirs)]"""
        found = []
        if self.status != other.status:
            found.append(("status", self.status, other.status))
        if self.lines != other.lines:
            ours, theirs = list(self.lines), list(other.lines)
            for line in self.lines:
                if line in theirs:
                    ours.remove(line)
                    theirs.remove(line)
            found.append(("lines", ours, theirs))
        for label in sorted(self.messages.keys() | other.messages.keys()):
            ours, theirs = self.messages.get(label, {}), other.messages.get(label, {})
            for item in sorted(ours.keys() | theirs.keys()):
                if ours.get(item, "absent") != theirs.get(item, "absent"):
                    found.append((f"message {label} {item}", ours.get(item, "absent"), theirs.get(item, "absent")))
        return found

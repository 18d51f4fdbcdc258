# SPDX-License-Identifier: Apache-2.0
"""IMAP commands made from a seed: every command, FETCH item, SEARCH key, STORE form and LIST pattern occurs."""
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft", "$Forwarded", "blue", "NonJunk")
FETCH_ITEMS = (
    "UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "RFC822", "RFC822.HEADER",
    "RFC822.TEXT", "BODY[]", "BODY.PEEK[]", "BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]", "BODY.PEEK[1]", "BODY.PEEK[2]",
    "BODY.PEEK[1.MIME]", "BODY.PEEK[2.MIME]", "BODY.PEEK[1.1]", "BODY.PEEK[2.1]", "BODY.PEEK[1.HEADER]",
    "BODY.PEEK[2.HEADER]", "BODY.PEEK[1.TEXT]", "BODY.PEEK[2.TEXT]", "BODY.PEEK[1.2.1]", "BODY.PEEK[9]",
    "BODY.PEEK[HEADER.FIELDS (Subject From)]", "BODY.PEEK[HEADER.FIELDS.NOT (received Subject)]",
    "BODY.PEEK[HEADER.FIELDS (X-No-Such-Field)]", "BODY.PEEK[1.HEADER.FIELDS (Subject)]",
    "BODY.PEEK[2.HEADER.FIELDS.NOT (Subject)]", "BODY.PEEK[]<0.1>", "BODY.PEEK[]<10.4000>", "BODY.PEEK[]<100000.50>",
    "BODY.PEEK[TEXT]<3.20>", "BODY.PEEK[1]<0.30>", "BODY.PEEK[HEADER]<5.17>", "BODY.PEEK[1.MIME]<2.9>",
    "BODY.PEEK[HEADER.FIELDS (Date)]<0.12>", "BODY[TEXT]<0.5>", "BODY[1]", "BODY[HEADER]")
SEARCH_WORDS = ("seal", "MEETING", "report", "anna", "bert", "elsewhere", "example.test", "the", "html", "qqqqq", "a", "multipart")
SEARCH_UTF8 = ("Grundst\u00fcck", "\u043f\u0440\u0438\u0432\u0435\u0442", "\u65e5\u672c", "\u00c7i\u011fdem")
SEARCH_DATES = ("1-Jan-2000", "15-Mar-2002", "5-Oct-2015", "01-Feb-2020", "28-Dec-2031")
SEARCH_PLAIN = ("ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "NEW", "OLD", "RECENT", "SEEN", "UNANSWERED", "UNDELETED",
                "UNDRAFT", "UNFLAGGED", "UNSEEN")
SEARCH_TEXT = ("BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO")
SEARCH_DAY = ("BEFORE", "ON", "SINCE", "SENTON", "SENTSINCE")
PATTERNS = ("*", "%", "", "INBOX", "inbox", "work", "wo%", "%/%", "*/b*", "a/%", "a/*", "*d", "%b%", "no-such", "a", "a/",
            "&APw-ber", "Se*", "*%", "%*")
STATUS_ITEMS = ("MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN")
MAILBOXES = ("a", "a/b", "a/b/c", "copies", "&APw-ber", '"with space"', "other")
BROKEN = (
    "FETCH", "FETCH 1", "FETCH 0 FLAGS", "FETCH 1:x FLAGS", "FETCH 1 (FLAGS", "FETCH 1 BODY[", "FETCH 1 BODY[]<5>",
    "FETCH 1 BODY[]<0.0>", "FETCH 1 NOSUCH", "FETCH 1 BODY[HEADER.FIELDS]", "FETCH 1 BODY[MIME]", "SEARCH", "SEARCH NOSUCH",
    "SEARCH FROM", "SEARCH BEFORE 99-Foo-2000", "SEARCH (ALL", "SEARCH NOT", "SEARCH OR ALL", "SEARCH LARGER x",
    "STORE 1", "STORE 1 +FLAGS", "STORE 1 NOFLAGS (\\Seen)", "STORE 1 +FLAGS (\\NoSuchSystemFlag)", "COPY 1", "COPY", "MOVE 1",
    "UID", "UID NOOP", "UID EXPUNGE", "SELECT", "STATUS work", "STATUS work ()", "STATUS work (NOSUCH)", "LIST", 'LIST ""',
    "CREATE", "RENAME a", "APPEND work", "NOSUCHCOMMAND", "NOOP extra", "EXPUNGE 1", "LOGIN a b", "ENABLE")


def set_of(random, count, uids=False):
    """A set of existing numbers, in any of its shapes."""
    last = max(count, 1)
    one = lambda: str(random.randint(1, last))  # noqa: E731
    shapes = [one, lambda: f"{one()}:{one()}", lambda: "*", lambda: f"{one()}:*", lambda: f"*:{one()}", lambda: "1:*",
              lambda: f"{one()},{one()},{one()}", lambda: f"{one()}:{one()},{one()}"]
    if uids:
        shapes.append(lambda: f"{one()},{last + 4000000}")
    return random.choice(shapes)()


def small_set(random, count):
    """At most a few messages, so that many commands find something left."""
    first = random.randint(1, max(count, 1))
    return random.choice((str(first), f"{first}:{min(first + 2, count)}", f"{first},{random.randint(1, max(count, 1))}"))


def flag_list(random):
    chosen = random.sample(FLAGS, random.randint(0, 3))
    text = " ".join(chosen)
    return text if len(chosen) == 1 and random.random() < 0.3 else f"({text})"


def fetch(random, count):
    uid = random.choice(("", "UID "))
    items = random.sample(FETCH_ITEMS, random.randint(1, 3))
    text = items[0] if len(items) == 1 and random.random() < 0.5 else f"({' '.join(items)})"
    if random.random() < 0.08:
        text = random.choice(("ALL", "FAST", "FULL"))
    return f"{uid}FETCH {set_of(random, count, uid)} {text}", ()


def date_word(random):
    word = random.choice(SEARCH_DATES)
    return f'"{word}"' if random.random() < 0.3 else word


def search_key(random, count, depth=0, negated=False):
    """(text, literals). BODY is never negated: Dovecot looks at less of a body, so that its answer is a part of ours."""
    kind = random.randrange(12 if depth < 3 else 9)
    text_keys = [key for key in SEARCH_TEXT if key != "BODY" or not negated]
    if kind == 0:
        return random.choice(SEARCH_PLAIN), ()
    if kind in (1, 2):
        return f'{random.choice(text_keys)} "{random.choice(SEARCH_WORDS)}"', ()
    if kind == 3:
        return f"{random.choice(SEARCH_DAY)} {date_word(random)}", ()
    if kind == 4:
        return f"{random.choice(('LARGER', 'SMALLER'))} {random.choice((0, 300, 1000, 5000, 100000))}", ()
    if kind == 5:
        return f"{random.choice(('KEYWORD', 'UNKEYWORD'))} {random.choice(FLAGS[4:])}", ()
    if kind == 6:
        return random.choice((set_of(random, count), f"UID {set_of(random, count, True)}")), ()
    if kind == 7:
        field, text = random.choice((("Subject", "e"), ("X-Number", ""), ("Message-ID", "elsewhere"), ("No-Such", ""),
                                     ("content-type", "text"), ("From", "anna"), ("Sender", "")))
        return f'HEADER {field} "{text}"', ()
    if kind == 8:
        return f"{random.choice(text_keys)} {{}}", (random.choice(SEARCH_UTF8).encode(),)
    first, one = search_key(random, count, depth + 1, negated or kind == 9)
    if kind == 9:
        return f"NOT {first}", one
    second, two = search_key(random, count, depth + 1, negated)
    return (f"OR {first} {second}" if kind == 10 else f"({first} {second})"), one + two


def search(random, count):
    keys = [search_key(random, count) for _ in range(random.choice((1, 1, 2, 3)))]
    literals = sum((k[1] for k in keys), ())
    charset = "CHARSET UTF-8 " if literals or random.random() < 0.1 else ""
    return f"{random.choice(('', 'UID '))}SEARCH {charset}{' '.join(k[0] for k in keys)}", literals


def store(random, count):
    uid = random.choice(("", "UID "))
    return (f"{uid}STORE {set_of(random, count, uid)} {random.choice(('', '+', '-'))}FLAGS"
            f"{random.choice(('', '.SILENT'))} {flag_list(random)}", ())


def delete(random, count):
    """Few at a time, so that the mailbox lasts."""
    return f"STORE {small_set(random, count)} +FLAGS{random.choice(('', '.SILENT'))} (\\Deleted)", ()


def list_command(random, _count):
    verb = random.choice(("LIST", "LIST", "LSUB"))
    return f'{verb} "{random.choice(("", "", "", "a/", "a"))}" "{random.choice(PATTERNS)}"', ()


def status(random, _count):
    items = random.sample(STATUS_ITEMS, random.randint(1, 5))
    return f"STATUS {random.choice(('work', 'copies', 'INBOX', 'a/b', 'no-such', 'other'))} ({' '.join(items)})", ()


def copy(random, count):
    name = random.choice(("COPY", "COPY", "MOVE"))
    return (f"{random.choice(('', 'UID '))}{name} {small_set(random, count)} "
            f"{random.choice(('copies', 'copies', 'other', 'no-such', 'a/b'))}", ())


def append(random, _count):
    flags = random.choice(("", "(\\Seen) ", "(\\Flagged blue) ", "() "))
    date = random.choice(("", '"17-Jul-1996 02:44:25 -0700" ', '" 1-Feb-2020 00:00:00 +0000" '))
    name = random.choice(("work", "copies", "no-such", "other"))
    return f"APPEND {name} {flags}{date}{{}}", (f"Subject: appended {random.randint(1, 99)}\r\n\r\nseal\r\n".encode(),)


def folder(random, _count):
    verb = random.choice(("CREATE", "CREATE", "DELETE", "SUBSCRIBE", "UNSUBSCRIBE", "RENAME"))
    one, two = random.choice(MAILBOXES), random.choice(MAILBOXES)
    if "SUBSCRIBE" in verb:
        return f"{verb} {random.choice(('work', 'copies'))}", ()
    return (f"RENAME {one} {two}" if verb == "RENAME" else f"{verb} {one}"), ()


def expunge(random, count):
    return random.choice(("EXPUNGE", f"UID EXPUNGE {set_of(random, count)}")), ()


def plain(random, _count):
    return random.choice(("NOOP", "CHECK", "CAPABILITY", "NAMESPACE", "ID NIL", 'ID ("name" "test")')), ()


def look(random, count):
    """What changes nothing."""
    return random.choice((search, status, list_command, plain))(random, count)


WEIGHTS = ((fetch, 34), (search, 34), (store, 14), (delete, 3), (list_command, 6), (status, 5), (copy, 6), (append, 4), (folder, 5),
           (expunge, 3), (plain, 2))


def any_command(random, count):
    made = random.choices([w[0] for w in WEIGHTS], [w[1] for w in WEIGHTS])[0]
    return made(random, count)


def covering():
    """What must occur at least once, before chance takes over."""
    for item in FETCH_ITEMS:
        yield f"FETCH 1:* ({item})", ()
    yield from ((f"FETCH 3:9 {macro}", ()) for macro in ("ALL", "FAST", "FULL"))
    yield from ((f"SEARCH {key}", ()) for key in SEARCH_PLAIN)
    yield from ((f'SEARCH {key} "{word}"', ()) for key in SEARCH_TEXT for word in ("anna", "e", "seal"))
    yield from ((f"SEARCH CHARSET UTF-8 {key} {{}}", (word.encode(),)) for key in SEARCH_TEXT for word in SEARCH_UTF8)
    yield from ((f"SEARCH {key} {day}", ()) for key in SEARCH_DAY for day in SEARCH_DATES[1:4])
    yield from ((f"UID SEARCH {key} 1000", ()) for key in ("LARGER", "SMALLER"))
    yield from ((f"SEARCH SENTBEFORE {day}", ()) for day in SEARCH_DATES)
    yield "SEARCH CHARSET X-NO-SUCH TEXT seal", ()
    yield "SEARCH KEYWORD blue", ()
    yield "SEARCH UNKEYWORD blue", ()
    for sign in ("", "+", "-"):
        for silent in ("", ".SILENT"):
            yield f"STORE 2:5 {sign}FLAGS{silent} (\\Seen blue)", ()
            yield f"UID STORE 4:7 {sign}FLAGS{silent} \\Flagged", ()
    yield from ((f'{verb} "" "{pattern}"', ()) for verb in ("LIST", "LSUB") for pattern in PATTERNS)
    yield f"STATUS INBOX ({' '.join(STATUS_ITEMS)})", ()
    yield from ((broken, ()) for broken in BROKEN)

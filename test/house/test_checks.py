# SPDX-License-Identifier: Apache-2.0
"""Each rule of the house notices when it is broken, and is content when it is kept."""
import pytest
from conftest import LICENCE

RFC_TABLES = {
    "doc/rfc.tsv": "# RFC\tstatus\ttitle\tfolder\n5234\tunchecked\tABNF\tbase\n5321\tpart\tSMTP\tproto/smtp\n",
    "tools/rfc_sections.tsv": "# RFC\tsections\n5321\t1 2 4 4.1 4.1.1 4.1.1.2 A\n",
}
EVENTS = 'EVENT( started, INFO, "a process serves" )\n'
EVENTS_DOC_ROW = "| `started` | info | a process serves |\n"
SETTINGS = 'SETTING( count, errors_max, 10, 1, 1000, "Mistakes after which a connection ends." )\n'
READS = "int f(void) { return c->errors_max; }\n"
SECTIONS = "SECTION( smtp )\n"
PROCESSES = 'PROCESS( filter, "", "", "server", "", 4, 0 )\n'
ASKS = "struct x *f(const struct service *s) { return s->conf->smtp.errors_max; }\n"


def function(lines):
    return "int f(void)\n{\n" + "\tg();\n" * (lines - 3) + "}\n"


#    check        the violation                    files                                                                           what it says
BROKEN = [
    ("includes", "a lower floor looks up",        {"src/base/a.c": '#include "proto/x.h"\n'},                                     "may not include proto"),
    ("includes", "sideways",                      {"src/os/a.c": '#include "conf/x.h"\n'},                                        "may not include conf"),
    ("includes", "one role includes another",     {"src/role/queue/a.c": '#include "role/filter/b.h"\n'},                         "role/queue includes the role role/filter"),
    ("includes", "a tool includes a role",        {"src/tool/a.c": '#include "role/filter/b.h"\n'},                               "the command includes the role role/filter"),
    ("includes", "a folder without a floor",      {"src/misc/a.c": '#include "base/str.h"\n'},                                    "misc has no floor"),
    ("includes", "a circle of files",             {"src/base/a.h": '#include "base/b.h"\n', "src/base/b.h": '#include "base/a.h"\n'}, "a circle of files"),
    ("includes", "a circle of folders",           {"src/proto/x/a.h": '#include "proto/y/b.h"\n', "src/proto/y/c.h": '#include "proto/x/d.h"\n'}, "a circle of folders"),
    ("sizes",    "a long file",                   {"src/a.c": "\n" * 601},                                                        "601 lines; a file has at most 600"),
    ("sizes",    "a long header",                 {"src/a.h": "\n" * 201},                                                        "201 lines; a header has at most 200"),
    ("sizes",    "a long function",               {"src/a.c": function(71)},                                                      "f has 71 lines"),
    ("sizes",    "a long function in Python",     {"tools/a.py": "def f():\n" + "    g()\n" * 70},                                "f has 71 lines"),
    ("sizes",    "seven parameters",              {"src/a.h": "int f(int a, int b, int c, int d, int e, int g, int h);\n"},       "f has 7 parameters"),
    ("banned",   "strcpy",                        {"src/base/a.c": "void f(char *a) { strcpy(a, a); }\n"},                        "strcpy() is banned"),
    ("banned",   "malloc outside arenas",         {"src/role/x/a.c": "void *f(void) { return malloc(1); }\n"},                    "malloc() is banned"),
    ("banned",   "a library that prints",         {"src/os/a.c": 'void f(void) { printf ("x"); }\n'},                             "printf() is banned"),
    ("banned",   "an exception nobody needs",     {"tools/allowed_calls.tsv": "src/a.c\tmalloc\twhy\n"},                          "does not call malloc() any more"),
    ("rfc",      "no blank",                      {**RFC_TABLES, "src/a.c": "/* RFC5321 4.1 */\n"},                               "write a citation as"),
    ("rfc",      "the word section",              {**RFC_TABLES, "src/a.c": "/* RFC 5321 section 4.1 */\n"},                      "write a citation as"),
    ("rfc",      "a section that is not there",   {**RFC_TABLES, "src/a.c": "/* RFC 5321 4.9.9 */\n"},                            "RFC 5321 has no section 4.9.9"),
    ("rfc",      "a section on the next line",    {**RFC_TABLES, "src/a.c": "/* RFC 5321\n * 4.9.9 */\n"},                        "RFC 5321 has no section 4.9.9"),
    ("rfc",      "a standard without a row",      {**RFC_TABLES, "src/a.c": "/* RFC 7777 1 */\n"},                                "RFC 7777 has no row"),
    ("rfc",      "a status that does not exist",  {**RFC_TABLES, "doc/rfc.tsv": "5321\tmaybe\tSMTP\tproto\n"},                    "the status maybe"),
    ("rfc",      "a status nobody could check",   {**RFC_TABLES, "doc/rfc.tsv": "5234\t" "yes\tABNF\tbase\n"},                       "its status is `unchecked`"),
    ("events",   "an event nobody raises",        {"src/base/events.def": EVENTS},                                                "started is never raised"),
    ("events",   "an event in a comment only",    {"src/base/events.def": EVENTS, "src/a.c": "/* EV_started */\n"},               "started is never raised"),
    ("events",   "an event raised by now",        {"src/base/events.def": EVENTS, "src/a.c": "int a = EV_started;\n", "tools/events_ahead.txt": "started\n"}, "is raised now"),
    ("events",   "a document out of date",        {"src/base/events.def": EVENTS, "doc/events.md": "old\n"},                      "differs from events.def"),
    ("settings", "no help",                       {"src/conf/smtp.def": SETTINGS.replace("Mistakes after which a connection ends.", "")}, "needs help"),
    ("settings", "a default out of bounds",       {"src/conf/smtp.def": SETTINGS.replace("10,", "0,")},                           "default outside its bounds"),
    ("settings", "an unknown type",               {"src/conf/smtp.def": SETTINGS.replace("count", "number")},                     "unknown type number"),
    ("settings", "a negated name",                {"src/conf/smtp.def": SETTINGS.replace("errors_max", "no_errors")},             "is negated"),
    ("settings", "a section that is not listed",  {"src/conf/post.def": SETTINGS, "src/conf/sections.def": SECTIONS},             "post is not in sections.def"),
    ("settings", "a setting that no code reads",  {"src/conf/smtp.def": SETTINGS, "src/a.c": "/* c->errors_max */\n"},            "no code reads smtp.errors_max"),
    ("settings", "a setting that is read by now", {"src/conf/smtp.def": SETTINGS, "src/a.c": READS, "tools/settings_ahead.txt": "smtp.errors_max\n"}, "is read now"),
    ("settings", "a section that a role is not told", {"src/conf/smtp.def": SETTINGS, "src/conf/sections.def": SECTIONS, "src/role/filter/a.c": ASKS, "src/role/supervisor/processes.def": PROCESSES}, "filter reads the section smtp"),
    ("settings", "a column missing",              {"src/conf/smtp.def": "SETTING( count, errors_max, 10 )\n"},                    "3 columns, not 6"),
    ("text",     "no licence line",               {"src/a.c": "int a;\n"},                                                        "the first lines lack"),
    ("text",     "a large file",                  {"data.txt": "x\n" * (1 << 20)},                                                "has at most 1048576"),
    ("text",     "a spelling mistake",            {"doc/a.md": "This is recie" "ved.\n"},                                         "spelling"),
    ("text",     "a path of one machine",         {"doc/a.md": "See /home/" "anna/x.\n"},                                         "a path of one machine"),
    ("text",     "unfinished work",               {"src/a.c": LICENCE + "/* TO" "DO */\n"},                                       "a note of unfinished work"),
    ("text",     "the number of an issue",        {"doc/a.md": "As issue " "12 says.\n"},                                         "the number of an issue"),
    ("text",     "a blank at the end",            {"doc/a.md": "word \n"},                                                        "blanks at the end"),
    ("docs",     "a path that is not there",      {"doc/a.md": "See `src/base/nothing.h`.\n"},                                    "there is no src/base/nothing.h"),
    ("docs",     "a setting that is not there",   {"doc/a.md": "Set `smtp.nothing`.\n", "src/conf/smtp.def": SETTINGS},           "there is no setting smtp.nothing"),
    ("docs",     "a requirement that is missing", {"doc/requirements.md": "| T1 | TLS |\n"},                                      "T2 is missing"),
    ("format",   "spaces for a tab",              {"src/a.c": "int f(void)\n{\n    int a = 1;\n    return a;\n}\n"},              "not formatted"),
    ("format",   "a brace in the wrong place",    {"src/a.c": "int f(void) {\n\tint a = g();\n\treturn a;\n}\n"},                 "not formatted"),
]

KEPT = [
    ("includes", {"src/role/queue/a.c": '#include "role/queue/b.h"\n#include "store/x.h"\n#include "base/str.h"\n',
                  "src/store/x.h": '#include "proto/y.h"\n', "src/proto/y.h": '#include "base/str.h"\n'}),
    ("sizes",    {"src/a.c": function(70) + "int h(int a, int b, int c, int d, int e, void (*f)(int, int)) { return 0; }\n"}),
    ("banned",   {"src/base/a.c": '/* strcpy() */ const char *a = "malloc(1)"; int my_free(void) { return s->free(1); }\n',
                  "src/role/x/a.c": 'void f(void) { printf("x"); }\n'}),
    ("rfc",      {**RFC_TABLES, "src/a.h": "/* RFC 5321 4.1.1.2 and RFC 5234 B.1; message/rfc822, RFC822.SIZE; RFC 5321. */\n"}),
    ("events",   {"src/base/events.def": EVENTS, "src/a.c": 'void f(void) { LOG(&s->log, started, F_TEXT("a", b)); }\n'}),
    ("settings", {"src/conf/smtp.def": SETTINGS, "src/conf/sections.def": SECTIONS, "src/a.c": READS}),
    ("text",     {"src/a.c": LICENCE + "int a;\n", "doc/a.md": "Plain words.\n"}),
    ("docs",     {"doc/a.md": "See `src/conf/` and `smtp.errors_max`, `account.db`.\n", "src/conf/smtp.def": SETTINGS}),
    ("format",   {"src/a.c": "int f(void) { return 1; }\nint g(void)\n{\n\treturn 1;\n}\n#define A   1\n#define BBB 2\n"}),
]


def prepare(tree, check, files):
    if check == "format":
        tree.take(".clang-format")
    if check == "text":
        tree.take("tools/codespell_ignore.txt")
    if check == "rfc":
        tree.plant(RFC_TABLES)
    tree.plant(files)


@pytest.mark.parametrize("check, what, files, says", BROKEN, ids=[f"{row[0]}: {row[1]}" for row in BROKEN])
def test_a_broken_rule_is_noticed(tree, check, what, files, says):
    prepare(tree, check, files)
    status, output = tree.check(check)
    assert status == 1 and says in output, f"{what}: status {status}, said: {output}"


@pytest.mark.parametrize("check, files", KEPT, ids=[row[0] for row in KEPT])
def test_a_kept_rule_is_quiet(tree, check, files):
    prepare(tree, check, files)
    if check == "events":
        tree.plant({"doc/events.md": events_document(tree)})
    status, output = tree.check(check)
    assert status == 0, output


def events_document(tree):
    import sys
    from conftest import ROOT
    sys.path.insert(0, str(ROOT / "tools"))
    import gen_events
    text = gen_events.text(tree.top)
    assert EVENTS_DOC_ROW in text
    return text


@pytest.mark.parametrize("check", ["events", "settings"])
def test_what_does_not_exist_yet_is_skipped(tree, check):
    assert tree.check(check)[0] == 77

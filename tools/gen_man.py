#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the manual page of the configuration, siegel.yaml(5), from the tables src/conf/*.def:
gen_man.py [ROOT] > siegel.yaml.5"""
import pathlib
import sys

import deftable

#        type         what the file may say
TYPES = {
    "size":     "a number of bytes, also with K, M or G",
    "seconds":  "a time in seconds, also with s, m, h or d",
    "count":    "a number",
    "flag":     "yes or no",
    "text":     "a text",
    "choice":   "one of the words named",
    "list":     "a list of words",
    "networks": "a list of networks and addresses",
    "map":      "a table of names and values",
}

HEAD = r""".\" Made by tools/gen_man.py from src/conf/*.def.
.Dd $Mdocdate$
.Dt SIEGEL.YAML 5
.Os Siegel
.Sh NAME
.Nm siegel.yaml
.Nd configuration of the mail server Siegel
.Sh DESCRIPTION
The configuration is one YAML file of sections with settings.
A setting that is not in the file has its default.
The whole file is checked before anything starts; all mistakes are reported at once, with file and line.
.Pp
On the command line
.Fl -set Ar section.name Ns = Ns Ar value
overrides the file.
Domains, addresses, accounts and passwords are not configuration: they are kept by
.Xr siegel 1 .
"""

TAIL = r""".Sh FILES
.Bl -tag -width Ds
.It Pa /etc/siegel/siegel.yaml
read when neither
.Fl c
nor the environment variable
.Ev SIEGEL_CONF
names another file
.El
.Sh EXAMPLES
.Bd -literal -offset indent
server:
  hostname: mail.example.org
smtp:
  message_max: 50M
relay:
  relay_networks: [192.0.2.0/24]
.Ed
.Sh SEE ALSO
.Xr siegel 1
"""


def roff(text):
    """A text as roff takes it: no line begins with a control character, no backslash escapes."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace(". ", ".\n")
    return "\\&" + text if text.startswith((".", "'")) else text


def settings(top):
    """(section, line, type, name, default, lowest, highest, help) of every setting, in the order of sections.def."""
    conf = pathlib.Path(top) / "src" / "conf"
    order = [fields[0] for _, fields in deftable.rows(conf / "sections.def", "SECTION")] if (conf / "sections.def").exists() else []
    known = {path.stem: path for path in sorted(conf.glob("*.def"))}
    for section in order + [name for name in known if name not in order]:
        if section in known:
            for line, fields in deftable.rows(known[section], "SETTING"):
                if len(fields) == 6:
                    yield section, line, *fields


def scaled(number, type_name):
    """50M for 52428800 where the type is a size."""
    value = int(number)
    if type_name == "size" and value:
        for unit, factor in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
            if value % factor == 0:
                return f"{value // factor}{unit}"
    return number


def bounds(type_name, default, lowest, highest):
    if type_name == "flag":
        return "Default: " + ("yes" if default == "1" else "no") + "."
    if type_name == "choice":
        words = default.split("|")
        return f"One of: {', '.join(words)}. Default: {words[0]}."
    if type_name in ("text", "list", "networks", "map"):
        return f"Default: {default}." if default else "Default: empty."
    return "Default: {}; at least {}, at most {}.".format(*(scaled(n, type_name) for n in (default, lowest, highest)))


def page(top):
    lines, section = [HEAD], None
    for name_of_section, _, type_name, name, default, lowest, highest, text in settings(top):
        if name_of_section != section:
            if section:
                lines.append(".El\n")
            section = name_of_section
            lines.append(f".Sh SECTION {section}\n.Bl -tag -width Ds\n")
        what = TYPES.get(type_name, type_name)
        lines.append(f".It Cm {section}.{name} Pq {roff(what)}\n{roff(text)}\n.br\n{roff(bounds(type_name, default, lowest, highest))}\n")
    if section:
        lines.append(".El\n")
    return "".join(lines) + TAIL


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the manual page of the command, siegel(1), from src/tool/commands.def: gen_command_man.py [ROOT] > siegel.1"""
import pathlib
import sys

import commands
import deftable
from gen_man import roff

HEAD = r""".\" Made by tools/gen_command_man.py from src/tool/commands.def.
.Dd $Mdocdate$
.Dt SIEGEL 1
.Os Siegel
.Sh NAME
.Nm siegel
.Nd mail server and its administration
.Sh SYNOPSIS
"""

DESCRIPTION = r""".Sh DESCRIPTION
.Nm
runs the mail server Siegel
.Pq Cm serve
and carries an administrator's commands to it.
When no server runs, a command starts the processes that it needs, confined as ever, for as long as it takes.
Every act is written into the log.
.Pp
Options of every command:
.Bl -tag -width Ds
.It Fl c Ar CONF
The configuration.
Without it
.Ev SIEGEL_CONF
names it, or it is
.Pa /etc/siegel/siegel.yaml .
.It Fl -set Ar SECTION.NAME Ns = Ns Ar VALUE
A setting that wins over the configuration.
.It Fl -json
Prints what is listed as one JSON object a line.
.It Fl -help
Prints a help text; also behind a command.
.It Fl -version
Prints the version.
.El
.Sh COMMANDS
.Bl -tag -width Ds
"""

TAIL = r""".El
.Sh ENVIRONMENT
.Bl -tag -width SIEGEL_CONF
.It Ev SIEGEL_CONF
the configuration, where
.Fl c
is not given
.El
.Sh FILES
.Bl -tag -width Ds
.It Pa /etc/siegel/siegel.yaml
the configuration, see
.Xr siegel.yaml 5
.It Pa /usr/libexec/siegel/
the programs of the processes
.It Pa /var/lib/siegel/
accounts, spool, directory and keys
.It Pa /var/lib/siegel/keys/tls.crt
the certificate and those between it and its root, PEM; another one is taken over by
.Cm reload
.It Pa /var/lib/siegel/keys/tls.key
its key, PEM, readable by nobody else
.It Pa /var/log/siegel/siegel.log
the log, one JSON object a line
.It Pa /run/siegel/
the socket that this command speaks to
.El
.Sh EXIT STATUS
.Bl -tag -width Ds
.It 0
done
.It 1
refused or failed; one line on standard error says why
.It 2
the command line was wrong
.El
.Sh EXAMPLES
A first installation with one account, whose pass phrase is printed:
.Bd -literal -offset indent
siegel init --dir /srv/mail --hostname mail.example.org --domain example.org
export SIEGEL_CONF=/srv/mail/siegel.yaml
siegel account add kx77-anna --address anna@example.org
siegel check
siegel serve
.Ed
.Pp
The same for the service of the system, where all lies in the folders named above:
.Bd -literal -offset indent
siegel init --dir /etc/siegel --hostname mail.example.org --domain example.org
siegel account add kx77-anna --address anna@example.org
siegel check
systemctl enable --now siegel
siegel check --live
.Ed
.Pp
Each command:
.Pp
"""

SEE_ALSO = r""".Sh SEE ALSO
.Xr siegel.yaml 5
"""


def usage(parameter):
    """A parameter as the synopsis shows it, in mdoc."""
    text = f"Ar {parameter.label}" if parameter.kind == "OPERAND" else f"Fl -{parameter.name}"
    if parameter.kind == "OPTION":
        text += f" Ar {parameter.label}"
    return text if parameter.needed else f"Op {text}"


def page(top):
    rows = commands.read(top)
    lines = [HEAD]
    for row in rows:
        lines.append(f".Nm\n.Cm {row.words}\n" + "".join(f".{usage(parameter)}\n" for parameter in row.parameters))
    lines.append(DESCRIPTION)
    for row in rows:
        lines.append(f".It Cm {row.words}\n{roff(row.help)}\n")
        if row.parameters:
            lines.append(".Bl -tag -width Ds\n")
            for parameter in row.parameters:
                what = f"Ar {parameter.label}" if parameter.kind == "OPERAND" else usage(parameter).removeprefix("Op ")
                lines.append(f".It {what}\n{roff(parameter.help)}\n")
            lines.append(".El\n")
    lines.append(TAIL)
    for _, fields in deftable.rows(pathlib.Path(top) / "src" / "tool" / "examples.def", "EXAMPLE"):
        lines.append(f"{roff(fields[2])}\n.Dl {roff(fields[1])}\n")
    return "".join(lines) + SEE_ALSO


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent))

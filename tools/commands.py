# SPDX-License-Identifier: Apache-2.0
"""The commands of `siegel` as src/tool/commands.def declares them, for the generators of the manual page and of the
completion of the shell."""
import dataclasses
import pathlib

import deftable


@dataclasses.dataclass
class Parameter:
    name: str
    kind: str  # OPERAND, OPTION or FLAG
    needed: bool
    label: str
    help: str


@dataclasses.dataclass
class Command:
    words: str
    help: str
    parameters: list

    def options(self):
        return [parameter for parameter in self.parameters if parameter.kind != "OPERAND"]


def read(top):
    """All commands, in the order of the table."""
    commands = []
    table = pathlib.Path(top) / "src" / "tool" / "commands.def"
    for macro, _, fields in deftable.mixed_rows(table, ("COMMAND", "OPERAND", "OPTION", "FLAG")):
        if macro == "COMMAND":
            commands.append(Command(fields[0], fields[3], []))
        elif macro == "FLAG":
            commands[-1].parameters.append(Parameter(fields[0], macro, False, "", fields[1]))
        else:
            commands[-1].parameters.append(Parameter(fields[0], macro, fields[1] == "NEEDED", fields[2], fields[3]))
    return commands

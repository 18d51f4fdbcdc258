#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the table of character classes from src/base/chars.def: gen_chars.py chars.def > chars_table.c"""
import re
import sys

ROW = re.compile(r'^CHARS\(\s*(\w+),\s*"[^"]*",\s*"((?:[^"\\]|\\.)*)"\s*\)', re.M)


def expand(spec):
    text = re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), spec)
    members, at = set(), 0
    while at < len(text):
        if at + 2 < len(text) and text[at + 1] == "-":
            members.update(range(ord(text[at]), ord(text[at + 2]) + 1))
            at += 3
        else:
            members.add(ord(text[at]))
            at += 1
    return members


def main():
    rows = ROW.findall(open(sys.argv[1], encoding="ascii").read())
    table = [0] * 256
    for bit, (_, spec) in enumerate(rows):
        for byte in expand(spec):
            table[byte] |= 1 << bit
    print('/* Made by tools/gen_chars.py from base/chars.def. */\n#include "base/chars.h"\n')
    print("const uint32_t char_classes[256] = {")
    for at in range(0, 256, 8):
        print("\t" + " ".join(f"0x{value:08x}," for value in table[at:at + 8]))
    print("};")


main()

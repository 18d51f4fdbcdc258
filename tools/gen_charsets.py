#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the tables of single-byte character sets and of case folding, from what Python knows of Unicode:
gen_charsets.py > charset_table.c"""
import encodings.aliases
import re

NAMES = (
    ["iso8859-%d" % part for part in range(1, 17) if part != 12]
    + ["cp%d" % page for page in range(1250, 1259)]
    + ["koi8-r", "koi8-u", "cp437", "cp850", "cp852", "cp866", "cp874", "mac-roman", "tis-620"])
UTF8 = ["utf8", "usascii", "ascii", "ansix341968", "iso646us", "us", "unicode11utf8", "unknown8bit", "8bit"]
MORE = {
    "iso8859-1": "latin1 l1 isoir100 iso885911987 cp819 ibm819 csisolatin1 88591",
    "iso8859-8": "iso88598i iso88598e",
    "koi8-u": "koi8ru cskoi8u",
    "mac-roman": "xmacroman mac csmacintosh",
}


def reduced(name):
    return re.sub("[^a-z0-9]", "", name.lower())


def upper_half(codec):
    return [ord(bytes([byte]).decode(codec, "replace")) for byte in range(0x80, 0x100)]


def aliases(name):
    """All names of a set: Python's, and windows-125x."""
    found = {reduced(name)}
    python = name.replace("-", "_")
    for alias, target in encodings.aliases.aliases.items():
        if reduced(target) == reduced(python):
            found.add(reduced(alias))
    for alias in list(found):
        if re.fullmatch("cp1?[0-9]{3}", alias):
            found.update({"windows" + alias[2:], "xcp" + alias[2:], "ibm" + alias[2:]})
        if alias.startswith("iso8859"):
            found.add("iso" + alias[3:])
    return {alias for alias in found if not alias.isdigit()} | set(MORE.get(name, "").split())


def folded(code):
    """One character for one: where full folding gives several, the lower case, or the character itself."""
    character = chr(code)
    for candidate in (character.casefold(), character.lower(), character):
        if len(candidate) == 1:
            return ord(candidate)
    raise AssertionError


def table(head, values):
    print(head + " = {")
    for at in range(0, len(values), 12):
        print("\t" + " ".join("0x%04x," % value for value in values[at:at + 12]))
    print("};")


def main():
    print('/* Made by tools/gen_charsets.py. */\n#include "proto/mime/charset.h"\n')
    print("const struct mime_charset charset_utf8 = { NULL };")
    rows = {name: "charset_utf8" for name in UTF8}
    for name in NAMES:
        known = reduced(name)
        table("static const uint16_t upper_%s[128]" % known, upper_half(name))
        print("static const struct mime_charset charset_%s = { upper_%s };" % (known, known))
        for alias in aliases(name):
            rows.setdefault(alias, "charset_" + known)
    print("const struct charset_name charset_names[] = {")
    for alias in sorted(rows):
        print('\t{ { "%s", %d }, &%s },' % (alias, len(alias), rows[alias]))
    print("};\nconst size_t charset_names_count = %d;" % len(rows))
    table("const uint16_t fold_first[FOLD_FIRST_END]", [folded(code) for code in range(0x530)])
    table("const uint16_t fold_second[FOLD_SECOND_END - FOLD_SECOND]", [folded(code) for code in range(0x1E00, 0x2000)])


main()

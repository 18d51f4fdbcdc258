#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the version of the conversations: a number that changes with any of their files. gen_ipc_version.py FILE... """
import re
import sys
import zlib

text = ""
for name in sorted(sys.argv[1:]):
    text += re.sub(r"/\*.*?\*/", "", open(name, encoding="utf-8").read(), flags=re.S)
version = zlib.crc32(" ".join(text.split()).encode()) & 0xFFFF
print("/* Made by tools/gen_ipc_version.py from the conversation files. */")
print(f"#pragma once\n#define IPC_VERSION 0x{version:04x}")

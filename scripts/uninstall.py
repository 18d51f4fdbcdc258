#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Removes what `meson install` of a build folder puts in place: uninstall.py BUILD [DESTDIR]. Folders go when they are
empty. Configuration, mail and logs were never installed, so they stay."""
import json
import pathlib
import subprocess
import sys

import links


def installed(build, destdir):
    """The files as they lie below destdir, among them every file of an installed folder."""
    plan = json.loads(subprocess.check_output(["meson", "introspect", "--installed", build]))
    for target in plan.values():
        path = pathlib.Path(destdir + target) if destdir else pathlib.Path(target)
        if path.is_dir() and not path.is_symlink():
            yield from (entry for entry in path.rglob("*") if not entry.is_dir())
        else:
            yield path
    options = {option["name"]: option["value"] for option in json.loads(subprocess.check_output(["meson", "introspect", "--buildoptions", build]))}
    yield from links.ours(destdir + options["prefix"])


def remove(path, keep):
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder in keep or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: uninstall.py BUILD [DESTDIR]")
    destdir = sys.argv[2].rstrip("/") if len(sys.argv) == 3 else ""
    keep = {pathlib.Path(destdir or "/"), *pathlib.Path(destdir or "/").parents}
    if not destdir:
        keep |= {pathlib.Path(path) for path in ("/usr", "/usr/bin", "/usr/share", "/usr/lib", "/usr/libexec", "/etc", "/var")}
    count = 0
    for path in list(installed(sys.argv[1], destdir)):
        if path.exists() or path.is_symlink():
            remove(path, keep)
            count += 1
    print(f"{count} files removed")


if __name__ == "__main__":
    main()

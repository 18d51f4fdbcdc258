#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the names by which local programs know Siegel beside it, as the last step of `meson install`. Where another mail
server has such a name, it keeps it: cron's mail must not change its way because somebody tries Siegel. Meson lets nobody see
what its scripts say, so `make install` runs this once more: links.py PREFIX."""
import os
import pathlib
import sys

LINKS = {"sbin/sendmail": "../bin/siegel", "bin/mailq": "siegel", "bin/newaliases": "siegel"}


def ours(prefix):
    """Those of the names below prefix that lead to Siegel."""
    return [path for name, target in LINKS.items()
            if (path := pathlib.Path(prefix) / name).is_symlink() and os.readlink(path) == target]


def make(prefix):
    mine = ours(prefix)
    for name, target in LINKS.items():
        path = pathlib.Path(prefix) / name
        if path in mine:
            continue
        if os.path.lexists(path):
            print(f"{path} belongs to another mail server and stays; when that is removed, install again")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) == 2 else os.environ["MESON_INSTALL_DESTDIR_PREFIX"])

# SPDX-License-Identifier: Apache-2.0
"""A small tree of our own in which a rule can be broken: plant() writes files into it, check() runs one check on it."""
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"


class Tree:
    def __init__(self, top):
        self.top = top

    def plant(self, files):
        for name, text in files.items():
            path = self.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def take(self, *names):
        """Copies files of the repository."""
        for name in names:
            (self.top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.top / name)

    def check(self, name):
        """Returns (exit status, what it printed)."""
        done = subprocess.run([sys.executable, ROOT / "tools" / f"check_{name}.py", self.top],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)

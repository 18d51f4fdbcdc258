# SPDX-License-Identifier: Apache-2.0
"""One resolver or ledger, as it is shipped and confined, asked by stand_answers for far more than a channel holds before any answer
is read: each of them waits until there is room for it."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("SIEGEL_BUILD", ROOT / "b"))
COUNT = 2000


@pytest.mark.parametrize("role, settings", [("resolver", ["resolver.probe_secure=", "resolver.probe_bogus="]), ("ledger", [])])
def test_every_answer_comes(tmp_path, role, settings):
    done = subprocess.run([BUILD / "test/stand/stand_answers", BUILD / f"siegel-{role}", tmp_path, role, str(COUNT), *settings],
                          capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [f"asked {COUNT}", f"answered {COUNT}", "ended 0"], done.stdout

# SPDX-License-Identifier: Apache-2.0
"""Every file of this folder that ends in .smtp, .lmtp or .imap is a dialogue; each is played on a server with the
accounts kx-anna (anna@, with the alias info@) and kx-bert (bert@) of the domain example.test, of which müller.test is another
name."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness.server import Server  # noqa: E402
from script.dialogue import Dialogue  # noqa: E402

HERE = pathlib.Path(__file__).parent
FILES = sorted(p for p in HERE.iterdir() if p.suffix in (".smtp", ".lmtp", ".imap"))


@pytest.fixture(scope="module")
def server():
    with Server(settings=["smtp.errors_max=20", "login.failures_per_login=1000", "login.failures_per_network=10000"]) as s:
        s.account("kx-anna")
        s.account("kx-bert")
        s.command("domain", "add", "Müller.test", "--alias-of", s.domain)
        s.command("alias", "add", f"info@{s.domain}", f"anna@{s.domain}")
        yield s


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_dialogue(server, path):
    dialogue = Dialogue(server)
    try:
        dialogue.play(path.read_text(encoding="utf-8", errors="surrogateescape"))
    finally:
        dialogue.end()

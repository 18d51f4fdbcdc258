# SPDX-License-Identifier: Apache-2.0
"""What makes an installed Siegel a service of the system: unit, users, folders, log rotation, completion, manual pages,
and that what was installed can be removed again."""
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

import pytest
from conftest import ROOT

PACKAGING = ROOT / "packaging"
BUILD = pathlib.Path(os.environ.get("SIEGEL_BUILD", ROOT / "b"))
WITHOUT_USER = {"supervisor", "mailbox"}  # root; the user number of its account
EXPOSURE_MAX = 32  # tenths, as systemd-analyze security --threshold takes it


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    return done.returncode, done.stdout + done.stderr


def generated(name):
    if name != "gen_man.py" and not (ROOT / "src/tool/commands.def").exists():
        pytest.skip("the commands are not declared yet")
    status, text = run(sys.executable, ROOT / "tools" / name)
    assert status == 0, text
    return text


@pytest.fixture
def unit(tmp_path):
    """The unit as it is installed, with a program that exists."""
    program = tmp_path / "siegel"
    shutil.copy("/bin/true", program)
    program.chmod(0o755)
    path = tmp_path / "siegel.service"
    path.write_text((PACKAGING / "siegel.service.in").read_text().replace("@bindir@", str(tmp_path)))
    return path


def test_the_unit_is_understood(unit):
    status, said = run("systemd-analyze", "verify", "--man=no", unit)
    assert (status, said.strip()) == (0, "")


def test_the_unit_exposes_little(unit):
    status, said = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    assert status == 0, said.splitlines()[-1]


def test_a_careless_unit_is_noticed(unit):
    unit.write_text(re.sub(r"^(Protect|Restrict|SystemCall|Capab)\w+=.*\n", "", unit.read_text(), flags=re.M))
    status, _ = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    assert status != 0


def test_each_role_has_a_user():
    status, said = run("systemd-sysusers", "--dry-run", PACKAGING / "siegel.sysusers")
    assert status == 0, said
    users = set(re.findall(r"^u siegel-(\w+)", (PACKAGING / "siegel.sysusers").read_text(), re.M))
    roles = {path.name for path in (ROOT / "src" / "role").iterdir() if path.is_dir()}
    assert users == roles - WITHOUT_USER


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to users")
def test_the_folders_are_made(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nsiegel-logger:x:901:901::/:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nsiegel:x:900:\nsiegel-logger:x:901:\n")
    status, said = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", PACKAGING / "siegel.tmpfiles")
    assert status == 0, said
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("run/siegel", "var/lib/siegel", "var/log/siegel", "etc/siegel")}
    assert modes == {"run/siegel": 0o711, "var/lib/siegel": 0o711, "var/log/siegel": 0o700, "etc/siegel": 0o750}


@pytest.mark.skipif(os.geteuid() != 0, reason="rotates as root")
def test_the_log_rotation_is_understood(tmp_path):
    text = (PACKAGING / "siegel.logrotate").read_text().replace("siegel-logger siegel-logger", "root root")
    (tmp_path / "siegel").write_text(text)
    (tmp_path / "siegel").chmod(0o644)
    status, said = run("logrotate", "-d", "-s", tmp_path / "state", tmp_path / "siegel")
    assert status == 0 and "error" not in said, said


@pytest.mark.parametrize("generator", ["gen_man.py", "gen_command_man.py"])
def test_the_manual_pages_are_well_formed(generator, tmp_path):
    (tmp_path / "page").write_text(generated(generator))
    status, said = run("mandoc", "-T", "lint", "-W", "warning", tmp_path / "page")
    assert status == 0, said


def complete(script, *words):
    """What bash offers behind these words."""
    count = len(words)
    quoted = " ".join(f"'{word}'" for word in words)
    status, said = run("bash", "-c", f'. "{script}"; COMP_WORDS=(siegel {quoted}); COMP_CWORD={count}; _siegel; '
                       'printf "%s\\n" "${COMPREPLY[@]}"')
    assert status == 0, said
    return set(said.split())


def test_the_completion_knows_the_commands(tmp_path):
    script = tmp_path / "siegel"
    script.write_text(generated("gen_completion.py"))
    status, said = run("shellcheck", "-s", "bash", "-S", "warning", script)
    assert status == 0, said
    assert {"init", "serve", "account", "--version"} <= complete(script, "")
    assert complete(script, "acc") == {"account"}
    assert {"add", "suspend"} <= complete(script, "-c", "x.yaml", "account", "")
    assert "--address" in complete(script, "account", "add", "kx77-anna", "--")


def test_the_pages_and_the_program_agree():
    """Every command and option that --help prints stands in the manual page, and the other way round."""
    program = BUILD / "siegel"
    if not program.exists():
        pytest.skip("the command is not built yet")
    page = generated("gen_command_man.py")
    commands = re.findall(r"^\.Nm\n\.Cm (.+)$", page, re.M)
    status, said = run(program, "--help")
    assert status == 0, said
    assert [words for words in commands if not re.search(rf"^ +{words}\b", said, re.M)] == []
    for words in commands:
        status, said = run(program, *words.split(), "--help")
        assert status == 0, said
        begin = page.index(f".Nm\n.Cm {words}\n")
        synopsis = page[begin:].split(".Nm\n")[1].split(".Sh")[0]
        in_page = set(re.findall(r"Fl -([\w-]+)", synopsis))
        in_program = set(re.findall(r"--([\w-]+)", said)) - {"set", "json", "help", "version"}
        assert in_page == in_program, words


def test_uninstall_removes_what_install_made(tmp_path):
    if not (BUILD / "build.ninja").exists():
        pytest.skip("nothing is built")
    status, said = run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", tmp_path)
    assert status == 0, said
    names = {path.name: path for path in tmp_path.rglob("*") if not path.is_dir()}
    assert {"siegel.service", "siegel.yaml.5"} <= set(names), names
    assert {names[name].resolve() for name in ("sendmail", "mailq", "newaliases")} == {names["siegel-sendmail.8"].parents[3] / "bin/siegel"}
    mail = tmp_path / "var/lib/siegel/account.db"
    mail.parent.mkdir(parents=True, exist_ok=True)
    mail.touch()
    status, said = run(sys.executable, ROOT / "scripts/uninstall.py", BUILD, tmp_path)
    assert status == 0, said
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == [mail]


def test_another_mail_server_keeps_its_sendmail(tmp_path):
    """What `scripts/deps.sh && make install` meets: Postfix, with a program and two links."""
    if not (BUILD / "build.ninja").exists():
        pytest.skip("nothing is built")
    options = json.loads(subprocess.check_output(["meson", "introspect", "--buildoptions", BUILD]))
    prefix = pathlib.Path(str(tmp_path) + next(option["value"] for option in options if option["name"] == "prefix"))
    (prefix / "sbin").mkdir(parents=True)
    (prefix / "bin").mkdir()
    (prefix / "sbin/sendmail").write_text("theirs")
    (prefix / "bin/mailq").symlink_to("../sbin/sendmail")
    status, said = run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", tmp_path)
    assert status == 0, said
    status, said = run(sys.executable, ROOT / "scripts/links.py", prefix)
    assert status == 0 and f"{prefix / 'sbin/sendmail'} belongs to another mail server" in said, said
    assert (prefix / "bin/newaliases").readlink() == pathlib.Path("siegel")
    status, said = run(sys.executable, ROOT / "scripts/uninstall.py", BUILD, tmp_path)
    assert status == 0, said
    assert (prefix / "sbin/sendmail").read_text() == (prefix / "bin/mailq").read_text() == "theirs"
    assert {path.name for path in tmp_path.rglob("*") if not path.is_dir()} == {"sendmail", "mailq"}

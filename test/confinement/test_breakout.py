# SPDX-License-Identifier: Apache-2.0
"""Every deed of deeds.py, done inside the processes of a server that serves, with the descriptors that they hold: as root
and as an ordinary user, with the newest Landlock and with ABI 2. None may succeed; and all do in a process of the same user
that is not confined, without which a deed that fails would say nothing."""
import errno
import os
import pathlib
import re
import socket
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from confinement.deeds import DEEDS, OWN, Target  # noqa: E402
from confinement.inject import Died, Inside  # noqa: E402
from confinement.sockets import inodes_of, listener_of, packet_sockets, unix_peers  # noqa: E402
from confinement.world import ORDINARY, World, start_helper, user_of  # noqa: E402
from harness.server import folder_for_all  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can put calls into a confined process")

SERVERS = {"root": (None, 99), "root, Landlock 2": (None, 2), "ordinary": (ORDINARY, 99), "ordinary, Landlock 2": (ORDINARY, 2)}
NOT_FOR_HELPERS = {"connect out by its listener"}  # which have none; test/unit/os/confine.c shows that it would work
RECEIVERS = {"smtp", "submission", "lmtp", "local"}
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HOME = 4  # the descriptor of a role's folder
ROLES = {"control", "directory", "fetcher", "filter", "frontdoor", "greeter", "hasher", "keyring", "ledger", "logger", "mailbox", "mailroom", "queue",
         "receiver", "resolver", "sender"}


@pytest.fixture(scope="module", params=SERVERS, ids=lambda name: name.replace(", ", "-").replace(" ", ""))
def world(request):
    user, landlock = SERVERS[request.param]
    with World(user, landlock) as w:
        w.name = request.param
        yield w


def user_of_process(status):
    return int(re.search(r"^Uid:\t(\d+)", status, re.M)[1])


def target_of(world, role, instance, pid):
    folder = world.server.folder
    numbers = sorted(int(path.name) for path in (folder / "accounts").iterdir())
    other = next(number for number in numbers if str(number) != instance)
    return Target(directory=str(world.directory), account=str(folder / "accounts" / str(other) / "account.db"),
                  key=str(folder / "keys" / "tls.key"), victim=world.helper(user_of(pid)), port=world.port,
                  local=str(folder / "run" / "control"), abstract=world.abstract_name, listener=listener_of(pid))


def attempt(deed, pid, target):
    """(whether it was done, what came of it)."""
    try:
        with Inside(pid) as i:
            result = DEEDS[deed](i, target)
    except Died as death:
        return False, f"ended by {death}"
    return (True, "done") if result >= 0 else (False, errno.errorcode.get(-result, str(result)))


def marks(world):
    """What no deed may change of the files that are not for the one who tries."""
    paths = [world.directory, *sorted((world.server.folder / "accounts").glob("*/account.db"))]
    return {path: (path.stat().st_ino, path.stat().st_mode, path.stat().st_size >= 4096) for path in paths}


def test_in_force(world):
    """What the processes say of their confinement, and what the kernel says."""
    processes = world.open_mailboxes()
    alive = {pid for _, _, pid in processes}

    def started():
        return [entry for entry in world.server.log("started") if entry["pid"] in alive]

    world.server.wait_for(lambda: len(started()) >= len(alive))
    entries = started()
    assert len(entries) == len(alive)
    newest = max(entry["landlock"] for entry in entries)
    assert newest == 2 if "Landlock 2" in world.name else newest > 2
    assert {(entry["landlock"], entry["seccomp"]) for entry in entries} == {(newest, 1)}
    for role, _, pid in processes:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert "NoNewPrivs:\t1\n" in status and "CapEff:\t0000000000000000\n" in status, role
        assert user_of_process(status) != 0, role


NOT_PATHS = ("socket:[", "pipe:[", "anon_inode:", "/memfd:", "/dev/null")


def test_descriptors(world):
    """Nobody holds a file or folder but those of its home."""
    for role, instance, pid in world.open_mailboxes():
        folder = pathlib.Path(f"/proc/{pid}/fd")
        links = {int(link.name): os.readlink(link) for link in folder.iterdir()}
        home = links.get(HOME, "")
        for fd, link in links.items():
            if not link.startswith(NOT_PATHS):
                assert home.startswith(str(world.server.folder)), f"{role} {instance}: {fd} is {link}"
                assert link == home or link.startswith(home + "/"), f"{role} {instance}: {fd} is {link}, not in {home}"


def pairs():
    """Who has a channel to whom, as the supervisor's table has it."""
    text = (ROOT / "src" / "role" / "supervisor" / "pairs.def").read_text()
    found = {frozenset(pair) for pair in re.findall(r"^PAIR\( *(\w+), +(\w+) *\)", text, re.M)}
    assert len(found) > 20
    return found


def test_channels(world):
    """Nobody has one to whom it need not talk to: a sender none to keyring, for instance."""
    processes = [(role.removeprefix("siegel-"), pid) for role, _, pid in world.open_mailboxes()]
    owner = {inode: role for role, pid in processes for inode in inodes_of(pid).values()}
    peers, packets, wanted, seen = unix_peers(), packet_sockets(), pairs(), set()
    for role, pid in processes:
        for inode in set(inodes_of(pid).values()) & packets:
            other = owner.get(peers.get(inode), "supervisor")  # the lifeline
            if other not in ("supervisor", "logger") and role != "logger":
                assert frozenset((role, other)) in wanted, f"{role} has a channel to {other}"
                seen.add(frozenset((role, other)))
    assert len(seen) > 20


@pytest.mark.parametrize("deed", DEEDS)
def test_deed(world, deed, capsys):
    world.wait_ready()
    processes = world.open_mailboxes()
    before, outcomes, done = marks(world), {}, []
    assert {role.removeprefix("siegel-") for role, _, _ in processes} == ROLES
    assert {instance for role, instance, _ in processes if role == "siegel-receiver"} == RECEIVERS
    for role, instance, pid in processes:
        target = target_of(world, role, instance, pid)
        if deed in OWN.get(role, ()) or (deed == "connect out by its listener" and target.listener < 0):
            continue
        succeeded, what = attempt(deed, pid, target)
        outcomes[what] = outcomes.get(what, 0) + 1
        if succeeded:
            done.append(f"{role} {instance}".strip())
    with capsys.disabled():
        print(f"\n{world.name}: {deed}: " + ", ".join(f"{what} {count}" for what, count in sorted(outcomes.items())), end=" ")
    assert not done, f"{deed}: done by {', '.join(done)}"
    assert marks(world) == before


def ordinary_file(path):
    path.write_bytes(b"x" * 8192)
    os.chown(path, ORDINARY, ORDINARY)
    return str(path)


@pytest.fixture
def no_world():
    """The same targets, for those who are not confined."""
    world = World(ORDINARY)
    world.listen()
    with folder_for_all() as folder, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(folder / "control"))
        local.listen()
        for path in (folder, folder / "control"):
            os.chown(path, ORDINARY, ORDINARY)
        yield world, Target(directory=ordinary_file(folder / "directory.db"), account=ordinary_file(folder / "account.db"),
                            key=ordinary_file(folder / "tls.key"), victim=world.helper(ORDINARY), port=world.port,
                            local=str(folder / "control"), abstract=world.abstract_name, listener=-1)
    world.end_helpers()
    world.close()


@pytest.mark.parametrize("deed", sorted(set(DEEDS) - NOT_FOR_HELPERS))
def test_unconfined(no_world, deed):
    _, target = no_world
    helper = start_helper(ORDINARY)
    try:
        assert attempt(deed, helper.pid, target) == (True, "done")
    finally:
        helper.kill()
        helper.wait()

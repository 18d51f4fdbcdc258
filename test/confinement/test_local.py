# SPDX-License-Identifier: Apache-2.0
"""A taken-over receiver of local mail: it serves whoever has connected to it, and can be nobody else, least of all root. Who
has connected says the kernel to directory, of a socket that the receiver chooses."""
import os
import pathlib
import socket
import struct
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from confinement.inject import Inside  # noqa: E402
from confinement.sockets import channel_to, inodes_of, local_listener_of, unix_peers  # noqa: E402
from confinement.talk import Session, is_refused  # noqa: E402
from confinement.world import ORDINARY, SETTINGS, World  # noqa: E402
from harness.server import PASSWORD  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can put calls into a confined process")

DAEMON, OWN = 1, "daemon@mail.example.test"
NOT_OWN = ("root@mail.example.test", "nobody@mail.example.test", "anna@example.test", "postmaster@example.test",
           "anybody@outside.test")


@pytest.fixture(scope="module", params=[None, ORDINARY], ids=["root", "ordinary"])
def world(request):
    with World(request.param, settings=[*SETTINGS, "local.outside=no"]) as w:
        for folder in (w.server.base, w.server.folder):
            folder.chmod(folder.stat().st_mode | 0o111)  # so that others reach the socket
        yield w


def inode_of(connection):
    return os.fstat(connection.fileno()).st_ino


def connected_as(user, path):
    """A connection of that user: the kernel notes whose it is when it is made."""
    connection = socket.socket(socket.AF_UNIX)
    os.seteuid(user)
    try:
        connection.connect(str(path))
    finally:
        os.seteuid(0)
    return connection


class Local:
    """The receiver of local mail, with a client of the user `daemon`, and calls put into it."""

    def __init__(self, world):
        kinds = {(role, instance): pid for role, instance, pid in world.wait_ready()}
        self.pid = kinds["siegel-receiver", "local"]
        self.directory = channel_to(self.pid, kinds["siegel-directory", ""])
        self.client = connected_as(DAEMON, world.server.folder / "run" / "submit")
        assert self.client.recv(4) == b"220 "
        far = unix_peers()[inode_of(self.client)]
        (self.accepted,) = [fd for fd, inode in inodes_of(self.pid).items() if inode == far]
        self.listener = local_listener_of(self.pid)

    def __enter__(self):
        self.inside = Inside(self.pid).__enter__()
        return self

    def __exit__(self, *of_error):
        self.inside.__exit__(*of_error)
        self.client.close()

    def session(self, descriptor, service="local", proxied=b""):
        session = Session(self.inside, self.directory)
        session.client(service, descriptor, proxied)
        return session


def test_it_may_what_its_client_may(world):
    """Without this the refusals below would say nothing."""
    with Local(world) as local:
        session = local.session(local.accepted)
        assert session.mail(OWN).code == 250
        assert session.rcpt("anna@example.test").code == 250


@pytest.mark.parametrize("sender", NOT_OWN)
def test_send_as_another(world, sender):
    with Local(world) as local:
        session = local.session(local.accepted)
        assert is_refused(session.mail(sender))
        assert is_refused(session.rcpt("anna@example.test"))


def test_send_elsewhere(world):
    """The settings say that local users do not."""
    with Local(world) as local:
        session = local.session(local.accepted)
        assert session.mail(OWN).code == 250
        assert is_refused(session.rcpt("somebody@elsewhere.test"))
        assert is_refused(session.data())


def refused_as_client(local, descriptor):
    session = local.session(descriptor)
    return all(is_refused(session.mail(sender)) for sender in (OWN, *NOT_OWN))


def test_its_listener_is_no_client(world):
    """Of that the kernel says that it is the supervisor's, who may be root."""
    with Local(world) as local:
        assert refused_as_client(local, local.listener)


def test_no_channel_is_a_client(world):
    """Those to other processes were made by the supervisor, and so was the lifeline."""
    with Local(world) as local:
        for descriptor in sorted(set(inodes_of(local.pid)) - {local.accepted, local.listener}):
            assert refused_as_client(local, descriptor), descriptor


def test_no_pair_of_its_own_is_a_client(world):
    with Local(world) as local:
        ends = local.inside.data(bytes(8))
        assert local.inside.call("socketpair", 1, 1 | 0o2000000, 0, ends) == 0
        for descriptor in struct.unpack("=ii", local.inside.peek(ends, 8)):
            assert refused_as_client(local, descriptor)
            local.inside.call("close", descriptor)


def test_claim_another_service(world):
    """directory knows the service from the channel, not from what is said over it."""
    with Local(world) as local:
        session = local.session(local.accepted, service="submission")
        assert not session.log_in("kx-anna", PASSWORD)


def test_claim_an_address(world):
    with Local(world) as local:
        session = local.session(local.accepted, proxied=bytes(10) + b"\xff\xff\x7f\0\0\1")
        assert is_refused(session.mail(OWN))


def test_it_still_serves(world):
    assert not world.server.log("process_died")
    with connected_as(DAEMON, world.server.folder / "run" / "submit") as client:
        assert client.recv(4) == b"220 "

# SPDX-License-Identifier: Apache-2.0
"""Reads what record.c wrote, and knows at every moment what a disk would hold if the power went.

What is certain after a cut is only what was synced. A file's bytes are on the disk as they were at its last sync. A new
name is there once its folder was synced or, as on ext4 and XFS, the new file itself; another name (a rename) once its
folder was synced; a removal likewise. A disk may also hold more than what is certain: torn() adds a part of the rest, the
changes of names in their order and the pages of 4 KiB in any."""
import dataclasses
import enum
import os
import pathlib
import stat
import struct

RECORD = struct.Struct("<IIQQQQIIIIII")  # struct record of record.c
PAGE = 4096


class Kind(enum.IntEnum):
    MADE, WRITTEN, RESIZED, SYNCED, RENAMED, REMOVED, FOLDER_MADE, OWNED, UNKNOWN, ENDED = range(1, 11)


@dataclasses.dataclass
class Record:
    kind: Kind
    begin: float  # seconds of time.monotonic()
    end: float
    inode: int
    number: int
    owner: tuple  # mode, user, group
    first: bytes
    second: bytes


def read(path):
    """The records, in their order."""
    with open(path, "rb") as f:
        while head := f.read(RECORD.size):
            kind, _, begin, end, inode, number, mode, user, group, first, second, _ = RECORD.unpack(head)
            yield Record(Kind(kind), begin / 1e9, end / 1e9, inode, number, (mode, user, group), f.read(first), f.read(second))


class File:
    """A file or folder. Two images: what programs see, and what the disk holds for certain."""

    def __init__(self, owner, data=b""):
        self.owner = owner
        self.now, self.safe = bytearray(data), bytearray(data)
        self.dirty = set()  # pages that differ

    @property
    def is_folder(self):
        return stat.S_ISDIR(self.owner[0])

    def resize(self, size):
        if size > len(self.now):
            self.now.extend(bytes(size - len(self.now)))
        del self.now[size:]
        self.dirty = {page for page in self.dirty if page * PAGE < size}

    def write(self, at, data):
        end = at + len(data)
        if end > len(self.now):
            self.now.extend(bytes(end - len(self.now)))
        self.now[at:end] = data
        self.dirty.update(range(at // PAGE, (end + PAGE - 1) // PAGE))

    def mix(self, base, pages, size):
        """base with these pages as they are now, and that size."""
        mixed = bytearray(base)
        if size > len(mixed):
            mixed.extend(bytes(size - len(mixed)))
        del mixed[size:]
        for page in pages:
            piece = self.now[page * PAGE:(page + 1) * PAGE]
            if page * PAGE < size:
                mixed[page * PAGE:page * PAGE + len(piece)] = piece
        return mixed[:size]

    def sync(self):
        self.safe = self.mix(self.safe, self.dirty, len(self.now))
        self.dirty.clear()


class Disk:
    """A folder as it was at the beginning, all of it safe, and then what the records do to it."""

    def __init__(self, folder, ignored=("log", "run")):
        self.ignored = tuple(ignored)
        self.names, self.safe_names = {}, {}  # path -> File
        self.waiting = []  # changes of names that are not safe: (path, File or None, how)
        self.inodes = {}
        top = pathlib.Path(folder)
        for path in [top, *sorted(top.rglob("*"))]:
            st = path.lstat()
            if not (stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode)):
                continue
            name = "" if path == top else str(path.relative_to(top))
            data = path.read_bytes() if stat.S_ISREG(st.st_mode) else b""
            self.inodes[st.st_ino] = self.names[name] = File((st.st_mode, st.st_uid, st.st_gid), data)
        self.safe_names = dict(self.names)

    # ---- records -----------------------------------------------------------------------------------------------------
    def is_ignored(self, name):
        return name.split("/")[0] in self.ignored and "/" in name

    def apply(self, r):
        """True if something became safe."""
        name = r.first.decode(errors="replace") if r.kind != Kind.WRITTEN else ""
        if r.kind == Kind.UNKNOWN:
            raise AssertionError(f"the recorder saw what it cannot replay: {name}")
        if r.kind in (Kind.MADE, Kind.FOLDER_MADE):
            self.inodes[r.inode] = File(r.owner)
            self.rename(name, self.inodes[r.inode], "made")
        elif r.kind == Kind.RENAMED:
            file = self.names[name]
            assert not file.is_folder, "folders are not renamed"
            self.rename(name, None, "moved")
            self.rename(r.second.decode(), file, "moved")
        elif r.kind == Kind.REMOVED:
            self.rename(name, None, "removed")
        elif r.inode in self.inodes:
            return self.change(self.inodes[r.inode], r)
        return False

    def change(self, file, r):
        if r.kind == Kind.WRITTEN:
            file.write(r.number, r.first)
        elif r.kind == Kind.RESIZED:
            file.resize(r.number)
        elif r.kind == Kind.OWNED:
            file.owner = r.owner
        elif r.kind == Kind.SYNCED:
            return self.sync(file, only_data=bool(r.number))
        return False

    def rename(self, name, file, how):
        if file is None:
            self.names.pop(name, None)
        else:
            self.names[name] = file
        if not self.is_ignored(name):
            self.waiting.append((name, file, how))

    def sync(self, file, only_data):
        before = len(self.waiting), file.safe == file.now
        if file.is_folder:
            folder = next((name for name, f in self.names.items() if f is file), None)
            self.settle(lambda name, f, how: os.path.dirname(name) == folder)
        else:
            file.sync()
            self.settle(lambda name, f, how: f is file and (how == "made" or not only_data))
        return before != (len(self.waiting), True)

    def settle(self, chosen):
        rest = []
        for name, file, how in self.waiting:
            if not chosen(name, file, how):
                rest.append((name, file, how))
                continue
            self.put(self.safe_names, name, file)
        self.waiting = rest

    def put(self, names, name, file):
        """Also the folders above: they were made before."""
        if file is None:
            names.pop(name, None)
            return
        above = os.path.dirname(name)
        if above not in names:
            self.put(names, above, self.names[above])
        names[name] = file

    # ---- what is left ------------------------------------------------------------------------------------------------
    def safe(self):
        """What is certain: path -> (File, bytes)."""
        return {name: (f, bytes(f.safe)) for name, f in self.safe_names.items()}

    def seen(self):
        """What programs see."""
        return {name: (f, bytes(f.now)) for name, f in self.names.items()}

    def torn(self, chance):
        """What is certain and a part of the rest, chosen by a random.Random."""
        names = dict(self.safe_names)
        for name, file, _ in self.waiting[:chance.randint(0, len(self.waiting))]:
            self.put(names, name, file)
        image = {}
        for name, f in names.items():
            if self.is_ignored(name):
                image[name] = f, bytes(f.safe)
                continue
            pages = [page for page in sorted(f.dirty) if chance.random() < 0.5]
            size = chance.choice((len(f.safe), len(f.now)))
            image[name] = f, bytes(f.mix(f.safe, pages, size))
        return image


def lay_out(image, folder):
    """Makes the folder as the image says, with owners and modes."""
    folder = pathlib.Path(folder)
    for name in sorted(image):
        file, data = image[name]
        path = folder / name
        if file.is_folder:
            path.mkdir()
        else:
            path.write_bytes(data)
        mode, user, group = file.owner
        os.chown(path, user, group)
        os.chmod(path, stat.S_IMODE(mode))

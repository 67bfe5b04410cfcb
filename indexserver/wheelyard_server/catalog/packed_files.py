"""The files of a mirror, compressed in memory: decoded they take eight times as much.

A hot page needs none of them. They are decoded for a render or a download, and the last ones used
stay decoded, in a bounded amount of memory.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from threading import Lock
from typing import Any, NamedTuple, overload

import msgspec
import zstandard

from wheelyard_server.compression import zstd
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.sliced import Slices, at_once, emptied, in_slices

MIN_PACKED_FILES = 50
"""Fewer files are not worth it."""
MAX_UNPACKED_FILES = 25_000
"""Maximum number of files that stay decoded; each takes about a kilobyte."""
_OTHER_MEMORY = 8192
"""Memory of a project without its files."""
_FILE_MEMORY = 1024
"""Memory of a decoded file. Those of former mirrors are never packed: few projects have any."""
_FILES_AT_ONCE = 200
_SEARCHED_AT_ONCE = 10_000
_LEVEL = 3

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[MirroredFile, ...]).decode


class Unpacked(NamedTuple):
    """Decoded files, and values that are made of them and go with them."""

    files: tuple[MirroredFile, ...]
    notes: dict[Hashable, Any]


class PackedFiles(Sequence[MirroredFile]):
    """Files in the order of the page. They equal a tuple of the same files."""

    __slots__ = ("_count", "_parts")

    def __init__(self, parts: tuple[bytes, ...], count: int) -> None:
        self._parts = parts
        self._count = count

    @property
    def memory(self) -> int:
        """Return about how many bytes they take while they are not decoded."""
        return sum(map(len, self._parts))

    @property
    def is_unpacked(self) -> bool:
        """Return whether they are decoded."""
        return _UNPACKED.get(self) is not None

    @property
    def notes_at_hand(self) -> dict[Hashable, Any] | None:
        """Return the values that go with the decoded files; None while they are packed."""
        unpacked = _UNPACKED.get(self)
        return None if unpacked is None else unpacked.notes

    @property
    def notes(self) -> dict[Hashable, Any]:
        """Return the values that go with the decoded files."""
        return at_once(self.unpack()).notes

    def unpack(self) -> Slices[Unpacked]:
        """Decode the files, unless they are decoded."""
        unpacked = _UNPACKED.get(self)
        if unpacked is None:
            files: list[MirroredFile] = []
            for part in self._parts:
                files += _decode(zstandard.decompress(part))
                yield
            unpacked = Unpacked(tuple(files), {})
            yield from _kept(self, unpacked)
        return unpacked

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> MirroredFile: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[MirroredFile, ...]: ...

    def __getitem__(self, index: int | slice) -> MirroredFile | tuple[MirroredFile, ...]:
        return at_once(self.unpack()).files[index]

    def __iter__(self) -> Iterator[MirroredFile]:
        return iter(at_once(self.unpack()).files)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, tuple | PackedFiles) and tuple(self) == tuple(other))

    __hash__ = object.__hash__


class _LastUnpacked:
    """The files that were used last, for all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[int, tuple[PackedFiles, Unpacked]] = OrderedDict()
        self._count = 0

    def get(self, files: PackedFiles) -> Unpacked | None:
        with self._lock:
            kept = self._kept.get(id(files))
            if kept is None:
                return None
            self._kept.move_to_end(id(files))
            return kept[1]

    def put(self, files: PackedFiles, unpacked: Unpacked) -> list[MirroredFile]:
        """Keep decoded files; return those that are no longer kept, which the caller frees."""
        dropped: list[MirroredFile] = []
        with self._lock:
            self._kept[id(files)] = files, unpacked
            self._count = sum(len(each) for each, _ in self._kept.values())
            while self._count > MAX_UNPACKED_FILES and len(self._kept) > 1:
                _, (oldest, old) = self._kept.popitem(last=False)
                self._count -= len(oldest)
                dropped += old.files
        return dropped


_UNPACKED = _LastUnpacked()


def pack(files: Sequence[MirroredFile]) -> Slices[PackedFiles]:
    """Compress files; they stay decoded, too, as long as they are used."""
    parts = []
    for start in range(0, len(files), _FILES_AT_ONCE):
        parts.append(zstd(_encode(files[start : start + _FILES_AT_ONCE]), _LEVEL))
        yield
    packed = PackedFiles(tuple(parts), len(files))
    yield from _kept(packed, Unpacked(tuple(files), {}))
    return packed


def _kept(files: PackedFiles, unpacked: Unpacked) -> Slices[None]:
    """Keep decoded files, and free those of other projects that are too many by now."""
    yield from emptied(_UNPACKED.put(files, unpacked))


async def packed(project: Project) -> Project:
    """Return the project with the files of its mirror packed, if they are many."""
    mirror = project.mirror
    if mirror is None or _packed_files(project) is not None or len(mirror.files) < MIN_PACKED_FILES:
        return project
    files = await in_slices(_pack_known(mirror.files))
    return project if files is None else project.replace(mirror=mirror.replace(files=files))


def _pack_known(files: Sequence[MirroredFile]) -> Slices[PackedFiles | None]:
    """Compress files, or return None if one has keys of a newer release, which only documents keep."""
    for start in range(0, len(files), _SEARCHED_AT_ONCE):
        if any(file.unknown for file in files[start : start + _SEARCHED_AT_ONCE]):
            return None
        yield
    return (yield from pack(files))


async def unpacked(project: Project) -> Project:
    """Return the project with a tuple of files, as changes need it."""
    files = _packed_files(project)
    if files is None or project.mirror is None:
        return project
    decoded = at_once(files.unpack()) if files.is_unpacked else await in_slices(files.unpack())
    return project.replace(mirror=project.mirror.replace(files=decoded.files))


def memory_of(project: Project, otherwise: int) -> int:
    """Return the memory of a project with packed files, and else this number of bytes."""
    files = _packed_files(project)
    former = sum(len(mirror.files) for mirror in project.former)
    return otherwise if files is None else files.memory + _OTHER_MEMORY + former * _FILE_MEMORY


def _packed_files(project: Project) -> PackedFiles | None:
    files: object = None if project.mirror is None else project.mirror.files
    return files if isinstance(files, PackedFiles) else None

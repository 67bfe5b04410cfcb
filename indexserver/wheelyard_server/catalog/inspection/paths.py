"""Which paths the members of an archive may have, and which links.

The attack is always the same: an installer that extracts such a member writes somewhere else than everybody
thinks, or two installers extract different things.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from enum import Enum, auto

from wheelyard_server.catalog.inspection.findings import Findings, Rule
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.errors import InvalidUploadError

_PATH_CHARACTERS = 1024
_INVISIBLE = r"[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
"""Some file systems leave these out, and people do not see them."""
_END_OF_NAME = r"[. ]+(?=/|\Z)"
_PLAIN = re.compile(r"\w[\w-]*+(?:\.\w[\w-]*+)*+(?:/\w[\w-]*+(?:\.\w[\w-]*+)*+)*+", re.ASCII)
"""Most paths; nothing that is forbidden looks like this."""
_FORBIDDEN = tuple(
    (re.compile(pattern), complaint)
    for pattern, complaint in [
        (r"\A\Z", "has no name"),
        (r"[\x00-\x1f\x7f-\x9f]", "has a control character in its name"),
        (r"[\ud800-\udfff]", "has a name that is not UTF-8"),
        (r"\\", "has a backslash in its name: use slashes"),
        (r"\A/", "has an absolute path"),
        (r"\A[A-Za-z]:", "has a drive letter in its name"),
        (r"(\A|/)\.\.(/|\Z)", "climbs out of its folder with .."),
        (r"//|(\A|/)\.(/|\Z)|/\Z", "has an empty or . part in its path"),
        # On Windows, two such names, or one of them and the name without it, are one file.
        (r":", "has a colon in its name, after which Windows sees a stream of another file: rename it"),
        (_END_OF_NAME, "has a dot or space at the end of a name, which Windows leaves out: rename it"),
        (_INVISIBLE, "has a character in its name that nobody sees, or that turns the text around: rename it"),
    ]
)


class Kind(Enum):
    """What a path of an archive is."""

    FILE = auto()
    FOLDER = auto()
    IMPLIED_FOLDER = auto()
    """No member of its own, but others lie in it."""
    LINK = auto()


def check_path(path: str) -> None:
    """Raise `InvalidUploadError` unless `path` is relative, plain, and means the same everywhere."""
    if len(path) > _PATH_CHARACTERS:
        raise InvalidUploadError(f"{shown(path)} in the archive has more than {_PATH_CHARACTERS} characters")
    if _PLAIN.fullmatch(path):
        return
    for pattern, complaint in _FORBIDDEN:
        if pattern.search(path):
            raise InvalidUploadError(f"{shown(path)} in the archive {complaint}")


class Tree:
    """All paths of an archive: each there once, none below a file or a link, spelling apart.

    Names that differ only in case or Unicode normalisation are one file on macOS and Windows.
    """

    def __init__(self, limits: ArchiveLimits, findings: Findings) -> None:
        self.roots: set[str] = set()
        self._limits = limits
        self._findings = findings
        self._kinds: dict[str, Kind] = {}
        self._names_bytes = 0

    def add(self, path: str, kind: Kind) -> None:
        """Take the next member; raise `InvalidUploadError` if it cannot stand beside those before it."""
        path = self._plain_folder(path) if kind is Kind.FOLDER else path
        check_path(path)
        self.roots.add(path.partition("/")[0])
        key = _folded(path)
        for folder in _folders_above(key):
            if not self._stands_in(folder, path):
                break
        known = self._kinds.get(key)
        if known in {Kind.FILE, Kind.LINK} or (known and kind is not Kind.FOLDER):
            raise InvalidUploadError(f"{shown(path)} is in the archive more than once, if case does not count")
        if known is Kind.FOLDER:
            self._findings.add(Rule.ARCHIVE_FOLDER_REPEATED, f"The folder {shown(path)} is in the archive twice")
        self._keep(key, kind)

    def _plain_folder(self, path: str) -> str:
        """Return a folder's path as Windows has it. Only a folder that nothing lies in may have another."""
        plain = _plain_names(path)
        if plain != path:
            self._findings.add(
                Rule.ARCHIVE_FOLDER_REPEATED,
                f"The folder {shown(path)} in the archive is {shown(plain)} on Windows",
            )
        return plain

    def is_folder(self, path: str) -> bool:
        """Return whether a folder with this path was added, or anything in it."""
        return self._kinds.get(_folded(path)) in {Kind.FOLDER, Kind.IMPLIED_FOLDER}

    def is_file(self, path: str) -> bool:
        """Return whether a file with this path was added."""
        return self._kinds.get(_folded(path)) is Kind.FILE

    def _stands_in(self, folder: str, path: str) -> bool:
        """Note the folder; return whether it is new, so that those above it may be, too."""
        known = self._kinds.get(folder)
        if known in {Kind.FILE, Kind.LINK}:
            raise InvalidUploadError(f"{shown(path)} in the archive lies below something that is no folder")
        if known is None:
            self._keep(folder, Kind.IMPLIED_FOLDER)
        return known is None

    def _keep(self, key: str, kind: Kind) -> None:
        self._names_bytes += len(key)
        if self._names_bytes > self._limits.names_bytes:
            raise InvalidUploadError(f"The paths in the archive are longer than {self._limits.names_bytes} bytes")
        self._kinds[key] = kind


def check_symbolic_link(path: str, target: str) -> None:
    """Raise `InvalidUploadError` if a symbolic link leads out of the archive's one root folder.

    `..` may stand only at the start: after a name that is a link itself, it would not lead where it seems to
    (CVE-2025-4517).
    """
    parts = [part for part in target.split("/") if part not in {"", "."}]
    below = list(itertools.dropwhile("..".__eq__, parts))
    folders_up, folders_above = len(parts) - len(below), path.count("/") - 1
    if not target or target.startswith("/") or ".." in below or folders_up > folders_above:
        raise InvalidUploadError(f"{shown(path)} in the archive is a link that leads out of it")
    if below:
        check_path("/".join(below))


def _plain_names(path: str) -> str:
    """Leave out dots and spaces at the ends of names, but no name of dots alone."""
    return re.sub(rf"(?<=[^/. ]){_END_OF_NAME}", "", path)


def _folded(path: str) -> str:
    folded = path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()
    return path if folded == path else folded  # memory: most are their own


def _folders_above(path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, the nearest first."""
    end = path.rfind("/")
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)

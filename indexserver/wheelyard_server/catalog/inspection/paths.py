"""Rules for the paths of an archive's members, and for links.

The attack is always the same: an installer that extracts the member writes to an unexpected place,
or two installers extract different things.
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
"""Some file systems ignore these characters, and people cannot see them."""
_END_OF_NAME = r"[. ]+(?=/|\Z)"
_PLAIN = re.compile(r"\w[\w-]*+(?:\.\w[\w-]*+)*+(?:/\w[\w-]*+(?:\.\w[\w-]*+)*+)*+", re.ASCII)
"""Matches most paths, and none that is forbidden."""
_FORBIDDEN = tuple(
    (re.compile(pattern), complaint)
    for pattern, complaint in [
        (r"\A\Z", "has no name"),
        (r"[\x00-\x1f\x7f-\x9f]", "has a control character in its name"),
        (r"[\ud800-\udfff]", "has a name that is not UTF-8"),
        (r"\\", "has a backslash in its name: use slashes"),
        (r"\A/", "has an absolute path"),
        (r"\A[A-Za-z]:", "has a drive letter in its name"),
        (r"(\A|/)\.\.(/|\Z)", "leads out of its folder with .."),
        (r"//|(\A|/)\.(/|\Z)|/\Z", "has an empty or . part in its path"),
        # On Windows, such a name and the same name without that part are one file.
        (r":", "has a colon in its name, which Windows reads as a stream of another file: rename it"),
        (_END_OF_NAME, "has a dot or space at the end of a name, which Windows drops: rename it"),
        (_INVISIBLE, "has an invisible character in its name, or one that reverses text: rename it"),
    ]
)


class Kind(Enum):
    """The kind of a path in an archive."""

    FILE = auto()
    FOLDER = auto()
    IMPLIED_FOLDER = auto()
    """Not a member itself, but a folder of other members."""
    LINK = auto()


def check_path(path: str) -> None:
    """Raise `InvalidUploadError` unless `path` is relative and means the same on every system."""
    if len(path) > _PATH_CHARACTERS:
        raise InvalidUploadError(f"{shown(path)} in the archive has more than {_PATH_CHARACTERS} characters")
    if _PLAIN.fullmatch(path):
        return
    for pattern, complaint in _FORBIDDEN:
        if pattern.search(path):
            raise InvalidUploadError(f"{shown(path)} in the archive {complaint}")


class Tree:
    """All paths of an archive. Each occurs once, and none is below a file or a link, in any spelling.

    Names that differ only in case or Unicode normalization are one file on macOS and Windows.
    """

    def __init__(self, limits: ArchiveLimits, findings: Findings) -> None:
        self.roots: set[str] = set()
        self._limits = limits
        self._findings = findings
        self._kinds: dict[str, Kind] = {}
        self._names_bytes = 0

    def add(self, path: str, kind: Kind) -> None:
        """Add the next member; raise `InvalidUploadError` if it conflicts with earlier ones."""
        path = self._plain_folder(path) if kind is Kind.FOLDER else path
        check_path(path)
        self.roots.add(path.partition("/")[0])
        key = _folded(path)
        for folder in _folders_above(key):
            if not self._stands_in(folder, path):
                break
        known = self._kinds.get(key)
        if known in {Kind.FILE, Kind.LINK} or (known and kind is not Kind.FOLDER):
            raise InvalidUploadError(f"{shown(path)} is in the archive more than once, ignoring case")
        if known is Kind.FOLDER:
            self._findings.add(Rule.ARCHIVE_FOLDER_REPEATED, f"The folder {shown(path)} is in the archive twice")
        self._keep(key, kind)

    def _plain_folder(self, path: str) -> str:
        """Return a folder's path on Windows. Only an empty folder may have a different one."""
        plain = _plain_names(path)
        if plain != path:
            self._findings.add(
                Rule.ARCHIVE_FOLDER_REPEATED,
                f"The folder {shown(path)} in the archive becomes {shown(plain)} on Windows",
            )
        return plain

    def is_folder(self, path: str) -> bool:
        """Return whether a folder with this path, or anything in it, was added."""
        return self._kinds.get(_folded(path)) in {Kind.FOLDER, Kind.IMPLIED_FOLDER}

    def is_file(self, path: str) -> bool:
        """Return whether a file with this path was added."""
        return self._kinds.get(_folded(path)) is Kind.FILE

    def _stands_in(self, folder: str, path: str) -> bool:
        """Record a folder; return whether it is new, so that its parents may be new, too."""
        known = self._kinds.get(folder)
        if known in {Kind.FILE, Kind.LINK}:
            raise InvalidUploadError(f"{shown(path)} in the archive is below something that is not a folder")
        if known is None:
            self._keep(folder, Kind.IMPLIED_FOLDER)
        return known is None

    def _keep(self, key: str, kind: Kind) -> None:
        self._names_bytes += len(key)
        if self._names_bytes > self._limits.names_bytes:
            raise InvalidUploadError(
                f"The paths in the archive have more than {self._limits.names_bytes} bytes together"
            )
        self._kinds[key] = kind


def check_symbolic_link(path: str, target: str) -> None:
    """Raise `InvalidUploadError` if a symbolic link leads out of the archive's one root folder.

    `..` is allowed only at the start: after a name that is itself a link, it would lead elsewhere
    than it seems to (CVE-2025-4517).
    """
    parts = [part for part in target.split("/") if part not in {"", "."}]
    below = list(itertools.dropwhile("..".__eq__, parts))
    folders_up, folders_above = len(parts) - len(below), path.count("/") - 1
    if not target or target.startswith("/") or ".." in below or folders_up > folders_above:
        raise InvalidUploadError(f"{shown(path)} in the archive is a link that leads out of it")
    if below:
        check_path("/".join(below))


def _plain_names(path: str) -> str:
    """Remove dots and spaces at the ends of names, except from names that consist of dots."""
    return re.sub(rf"(?<=[^/. ]){_END_OF_NAME}", "", path)


def _folded(path: str) -> str:
    folded = path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()
    return path if folded == path else folded  # saves memory: most paths are unchanged


def _folders_above(path: str) -> Iterator[str]:
    """Yield the parent folders of a path, the nearest first."""
    end = path.rfind("/")
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)

"""The URLs of files below an index's root, in pages and in the JSON API."""

import re
from urllib.parse import quote

from wheelyard_server.model import Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.model.offered_file import OfferedFile

MIRROR = "/mirror/"
_PLAIN = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
"""A path that is a part of a URL as it is (RFC 3986)."""


def file_url(root: str, project: Project, file: OfferedFile, folder: str = "files") -> str:
    """Return a file's URL below the index's `root`. It never changes, even if the bytes move.

    That of a mirrored file ends in its path at the upstream, byte for byte, so that a URL in a lock
    file can be mapped back. `folder` is that of other files.
    """
    if isinstance(file, MirroredFile):
        return f"{root}{MIRROR}{project.owner}{_encoded(file.path)}"
    return f"{root}/{folder}/{project.name}/{file.sha256}/{quote(file.filename)}"


def provenance_url(root: str, project: Project, file: OfferedFile) -> str:
    """Return the absolute URL of a file's provenance object (PEP 740)."""
    return f"{file_url(root, project, file)}.provenance"


def _encoded(path: str) -> str:
    """Return the path with only those characters encoded that a URL cannot have."""
    return path if _PLAIN.fullmatch(path) else quote(path, safe="!$&'()*+,;=:@%/~")

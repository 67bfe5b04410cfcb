"""Tar archives without what differs from build to build: times, owners, order."""

import gzip
import io
import tarfile
from pathlib import Path


def normalise(archive: Path, epoch: int) -> None:
    """Rewrite an archive, gzipped if its name says so, with every member of this time, owned by root, in order."""
    members: dict[str, tuple[tarfile.TarInfo, bytes]] = {}
    with tarfile.open(archive) as old:
        for member in old:
            content = old.extractfile(member)
            members[member.name] = (member, content.read() if content else b"")
    scratch = archive.with_suffix(".unfinished")
    with scratch.open("wb") as file:
        if archive.suffix in {".tgz", ".gz"}:
            with gzip.GzipFile("", "wb", mtime=epoch, fileobj=file) as packed:
                _write(packed, members, epoch)
        else:
            _write(file, members, epoch)
    scratch.rename(archive)


def _write(file: io.BufferedIOBase, members: dict[str, tuple[tarfile.TarInfo, bytes]], epoch: int) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as new:
        for name in sorted(members):
            member, content = members[name]
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, io.BytesIO(content))

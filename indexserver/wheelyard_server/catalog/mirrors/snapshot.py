"""The next state of a mirror after an answer of its upstream, as pure functions.

A filename keeps its digest permanently (U4). A file that a page lacks is kept, and off the page
once a second page confirms it (U9). An upstream that suddenly has nothing is not believed at once
(U7).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeGuard
from urllib.parse import unquote

from wheelyard_server.catalog.mirrors.filenames import is_safe, version_of
from wheelyard_server.errors import UpstreamAnswerError
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.confirmation import CONFIRMED_AFTER, is_confirmed
from wheelyard_server.upstream import Page, PageFile

MAX_FILES = 100_000
"""Maximum number of files of a mirror, including those that are gone, whose digests stay known."""
OUTDATED_AFTER = timedelta(days=1)
"""A lower serial is believed after this time: an upstream that was set up again counts from the beginning,
and a cache in front of it may send an old page for hours."""
OTHER_HASHES = ("sha512", "sha384", "sha3_256", "sha3_512", "blake2b", "blake2s", "sha224", "sha1", "md5")
"""Algorithms of the digests that are used without a SHA-256, the best first."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{8,128}")
_ORIGIN = re.compile(r"https?://[^/?#@\s]+")
_ORIGINS_COUNTED = 100
_EMPTY_OR_DOTS = re.compile(r"/\.{0,2}(?:/|\Z)")
"""A part of a path that is empty, or leads to a folder."""


class Source(NamedTuple):
    """Where a page comes from."""

    project: NormalizedName
    upstream: str
    """The upstream's name."""
    url: str
    """URL of its simple API."""


class Taken(NamedTuple):
    """A mirror after a page, and what is new in it."""

    mirror: Mirror
    """The old one, the same object, if nothing has changed."""
    conflicts: tuple[MirroredFile, ...] = ()
    """Files for which the upstream lists other bytes than before, for the first time."""
    gone: int = 0
    """Number of files that the page lacks for the first time."""
    dropped: int = 0
    """Number of entries that are no files of this project, or cannot be used."""


def take(old: Mirror | None, page: Page, source: Source, now: datetime) -> Taken:
    """Return the mirror after a page; raise `UpstreamAnswerError` if it would have too many files."""
    file_origin = _usual_origin(page.files) if old is None else old.file_origin
    listed = _files(page.files, source.project, file_origin)
    dropped = len(page.files) - len(listed) + page.unusable
    if old is None:
        files = tuple(each if each.upload_time else each.replace(first_seen=now) for each in listed.values())
        new = Mirror(url=source.url, made=now, fetched=now, file_origin=file_origin, files=files)
        return Taken(_described(new, page, now), dropped=dropped)
    doubted = _doubted(old, page, listed, now)
    if doubted is not None:
        return Taken(doubted, dropped=dropped)
    return _merged(old, page, listed, source, now)._replace(dropped=dropped)


def unchanged(old: Mirror, now: datetime) -> Mirror:
    """Return the mirror after its upstream has confirmed the last page, which may confirm that files are gone."""
    trusted = old if old.missing is None and old.outdated is None else old.replace(missing=None, outdated=None)
    return trusted.replace(fetched=now) if _is_confirmable(trusted, trusted.files, now) else trusted


def missing(old: Mirror, now: datetime) -> Mirror:
    """Return the mirror after its upstream said that the project does not exist, or has no files."""
    if not _was(old.missing, now):
        return old.replace(missing=now)
    if is_confirmed(old, old.missing) or now - old.missing < CONFIRMED_AFTER:
        return old
    return old.replace(fetched=now)


def _doubted(old: Mirror, page: Page, listed: dict[str, MirroredFile], now: datetime) -> Mirror | None:
    """Return the mirror after a page that is not believed; None if it is."""
    if 0 < page.serial < old.serial:
        if not _was(old.outdated, now):
            return old.replace(outdated=now)
        return old if now - old.outdated < OUTDATED_AFTER else None
    if listed or page.status == Status.QUARANTINED:
        return None
    return missing(old, now) if any(file.gone is None for file in old.files) else None


def _merged(old: Mirror, page: Page, listed: dict[str, MirroredFile], source: Source, now: datetime) -> Taken:
    known = {file.filename: file for file in old.files}
    present = [_merge(known.get(name), file, now) for name, file in listed.items()]
    lost = [file for file in old.files if file.filename not in listed]
    files = (*present, *(file if _was(file.gone, now) else file.replace(gone=now) for file in lost))
    if len(files) > MAX_FILES:
        reason = f"has listed more than {MAX_FILES} files of {source.project} by now"
        raise UpstreamAnswerError(source.upstream, reason)
    new = _described(old.replace(files=files, missing=None, outdated=None), page, now)
    conflicts = (each for each in present if each.conflict and not _has_conflict(known, each))
    gone = sum(file.gone is None for file in lost)
    is_same = _same(old, new) and not _is_confirmable(old, files, now)
    return Taken(old if is_same else new, tuple(conflicts), gone)


def _was(moment: datetime | None, now: datetime) -> TypeGuard[datetime]:
    """Return whether something was before now. A later moment comes from a wrong clock, so it counts as now."""
    return moment is not None and moment <= now


def _same(old: Mirror, new: Mirror) -> bool:
    """Return whether two pages differ at most in what only a cache needs."""
    return old == new.replace(fetched=old.fetched, etag=old.etag, serial=old.serial)


def _has_conflict(known: dict[str, MirroredFile], file: MirroredFile) -> bool:
    old = known.get(file.filename)
    return old is not None and bool(old.conflict)


def _is_confirmable(mirror: Mirror, files: Iterable[MirroredFile], now: datetime) -> bool:
    """Return whether a page of now confirms that a file is gone, which no page has done yet."""
    limit = now - CONFIRMED_AFTER
    return any(file.gone and file.gone <= limit and not is_confirmed(mirror, file.gone) for file in files)


def _usual_origin(entries: Sequence[PageFile]) -> str:
    """Return the origin of most of the first files, which documents do not repeat for each file."""
    found = (_ORIGIN.match(entry.url) for entry in entries[:_ORIGINS_COUNTED])
    origins = Counter(each[0] for each in found if each)
    return max(origins, key=origins.__getitem__, default="")


def _described(mirror: Mirror, page: Page, now: datetime) -> Mirror:
    return mirror.replace(
        fetched=now,
        etag=page.etag,
        serial=page.serial,
        versions=page.versions,
        status=page.status,
        status_reason=page.status_reason,
    )


def _merge(old: MirroredFile | None, new: MirroredFile, now: datetime) -> MirroredFile:
    """Return a listed file with its known digest, and with the findings of this index."""
    if old is None:
        return new if new.upload_time else new.replace(first_seen=now)
    if _contradicts(old, new):
        # `pins.without_bytes` notes that the known bytes can no longer be had.
        gone = old.gone if old.conflict else None
        return old.replace(gone=gone, yanked=new.yanked, conflict=new.sha256 or new.other_hash)
    has_digest = bool(new.sha256 or new.other_hash)
    merged = new.replace(
        sha256=new.sha256 or old.sha256,
        pinned=old.pinned and not new.sha256,
        other_hash=new.other_hash if has_digest else old.other_hash,
        conflict="" if has_digest else old.conflict,
        size=old.size if new.size is None else new.size,
        upload_time=new.upload_time or old.upload_time,
        first_seen=None if new.upload_time or old.upload_time else old.first_seen or now,
        unknown=old.unknown,
        **_metadata(old, new),
        **_provenance(old, new),
    )
    return old if merged == old else merged


def _metadata(old: MirroredFile, new: MirroredFile) -> dict[str, object]:
    """Return the fields of the core metadata: what was read from the file itself, or fetched once, stays."""
    stays = old.extracted or (new.core_metadata_sha256 == "" and bool(old.core_metadata_sha256))
    kept = old if stays else new
    known = kept.core_metadata_sha256
    license_ = old.license if known == old.core_metadata_sha256 else ""
    return {"core_metadata_sha256": known, "extracted": kept.extracted, "license": license_}


def _provenance(old: MirroredFile, new: MirroredFile) -> dict[str, object]:
    """Return the fields of the provenance object: what was read from it stays as long as its URL does."""
    is_same = new.provenance_url == old.provenance_url
    return {
        "provenance_sha256": old.provenance_sha256 if is_same else None,
        "publisher": old.publisher if is_same else "",
    }


def _contradicts(old: MirroredFile, new: MirroredFile) -> bool:
    """Return whether two descriptions of a file cannot be about the same bytes."""
    if old.sha256 and new.sha256:
        return old.sha256 != new.sha256
    algorithm, _, digest = new.other_hash.partition("=")
    known_algorithm, _, known = old.other_hash.partition("=")
    return bool(digest) and algorithm == known_algorithm and digest != known


def _files(entries: Iterable[PageFile], project: NormalizedName, file_origin: str) -> dict[str, MirroredFile]:
    """Return the usable files of the project by name; of two with one name or one path, the first."""
    found: dict[str, MirroredFile] = {}
    paths: set[str] = set()
    for entry in entries:
        file, path = _usable(entry, project, file_origin)
        if file is not None and file.filename not in found and path not in paths:
            found[file.filename] = file
            paths.add(path)
    return found


class _URL(NamedTuple):
    origin: str
    """Empty if it is that of most files."""
    path: str
    query: str


def _usable(entry: PageFile, project: NormalizedName, file_origin: str) -> tuple[MirroredFile | None, str]:
    """Return the file and its decoded path; None if it does not belong to the project, or cannot be used."""
    version = version_of(entry.filename, project) if is_safe(entry.filename) else None
    match = _ORIGIN.match(entry.url)
    sha256 = entry.hashes.get("sha256", "").lower()
    if version is None or match is None or (sha256 and not _SHA256.fullmatch(sha256)):
        return None, ""
    path, _, query = entry.url[match.end() :].partition("?")
    decoded = _decoded(path)
    if not _is_path_of(entry.filename, decoded):
        return None, ""
    url = _URL("" if match[0] == file_origin else match[0], path, query)
    return _file(entry, version, sha256, url), decoded


def _decoded(path: str) -> str:
    """Return the path after one percent-decoding; "" if this index cannot have it in a URL (ADR 40)."""
    if "%" not in path:
        return "" if "\\" in path else path
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return ""
    has_odd = "%" in decoded or "\\" in decoded or decoded.count("/") != path.count("/")
    return "" if has_odd else decoded


def _is_path_of(filename: str, path: str) -> bool:
    """Return whether a decoded path can be part of this index's URLs, and leads back to the project."""
    is_plain = path.startswith("/") and path.isprintable()
    return is_plain and path.endswith(f"/{filename}") and not _EMPTY_OR_DOTS.search(path)


def _file(entry: PageFile, version: str, sha256: str, url: _URL) -> MirroredFile:
    metadata = entry.core_metadata
    return MirroredFile(
        filename=entry.filename,
        version=version,
        path=url.path,
        origin=url.origin,
        query=url.query,
        sha256=sha256,
        other_hash="" if "sha256" in entry.hashes else _other_hash(entry.hashes),
        size=entry.size,
        upload_time=entry.upload_time,
        requires_python=entry.requires_python,
        yanked=entry.yanked,
        core_metadata_sha256=metadata if metadata is None or _SHA256.fullmatch(metadata) else "",
        provenance_url=entry.provenance,
    )


def _other_hash(hashes: dict[str, str]) -> str:
    for algorithm in OTHER_HASHES:
        digest = hashes.get(algorithm, "").lower()
        if _HEX.fullmatch(digest) and len(digest) == 2 * hashlib.new(algorithm, usedforsecurity=False).digest_size:
            return f"{algorithm}={digest}"
    return ""

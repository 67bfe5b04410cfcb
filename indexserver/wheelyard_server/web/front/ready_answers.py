"""The answers that the fast lane can send: rendered pages, and files on this machine or redirected."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus

from wheelyard_server.access.readable import ReadableCatalog, ReadableProject
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.verdict import Verdict
from wheelyard_server.settings import Listener
from wheelyard_server.web.front.fast_requests import RequestHeaders
from wheelyard_server.web.handlers.files import FILE_TYPE, METADATA_SUFFIX, file_headers, redirect_headers
from wheelyard_server.web.handlers.mirrored_files import kept_headers, mirrored_headers
from wheelyard_server.web.http.headers import head, is_among
from wheelyard_server.web.http.targets import Target
from wheelyard_server.web.pages.representation import ReadyAnswer
from wheelyard_server.web.pages.simple_pages import ProjectPages


class ReadyAnswers:
    """Finds the answer of aiohttp's way, if it needs no reading and no rendering."""

    def __init__(self, catalog: ReadableCatalog, pages: ProjectPages) -> None:
        self.catalog = catalog
        self._pages = pages

    def find(
        self, project: ReadableProject, target: Target, headers: RequestHeaders, listener: Listener, path: str
    ) -> ReadyAnswer | None:
        """Return the answer; None if it is not ready, or the sender may not read the project.

        `path` is the path at which the listener's clients know the index.
        """
        view = project.view_for(headers.reader, listener)
        if view is None:
            return None
        if target.upstream:
            return self._mirrored_file(view, target, headers, listener)
        if target.filename:
            return self._file(view, target, headers, listener)
        page = self._pages.cached_page(view, headers.media_type, headers.encoding)
        if page is None and headers.origin is not None:
            root = headers.origin + path
            page = self._pages.cached_linked_page(view, headers.media_type, headers.encoding, root)
        if page is None:
            return None
        etags = headers.if_none_match
        unchanged = etags != "" and is_among(page.etag(headers.encoding), etags)
        return page.ready_answer(headers.encoding, unchanged=unchanged)

    def _file(
        self, view: ProjectView, target: Target, headers: RequestHeaders, listener: Listener
    ) -> ReadyAnswer | None:
        filename, is_metadata = target.filename, target.filename.endswith(METADATA_SUFFIX)
        found = view.project.file(filename.removesuffix(METADATA_SUFFIX) if is_metadata else filename)
        if found is None or found.sha256 != target.sha256 or not _is_plain(view.verdict(found)):
            return None
        if is_metadata:
            body = self.catalog.cached_core_metadata(found)
            return None if body is None else _answer(body, found.core_metadata_sha256, headers, _head_of(headers))
        content = self.catalog.cached_content(target.project, found, listener)
        if isinstance(content, str) and target.method == "HEAD":
            content = found  # A URL that was signed for GET is refused for HEAD.
        return _file_answer(content, found, headers)

    def _mirrored_file(
        self, view: ProjectView, target: Target, headers: RequestHeaders, listener: Listener
    ) -> ReadyAnswer | None:
        path, is_metadata = target.upstream_path, target.filename.endswith(METADATA_SUFFIX)
        found = view.known_at_path(path.removesuffix(METADATA_SUFFIX) if is_metadata else path)
        if found is None or view.project.owner != target.upstream or not _is_plain(view.verdict(found)):
            return None
        digest = (found.core_metadata_sha256 or "") if is_metadata else found.sha256
        content = (
            self.catalog.cached_object(digest) if is_metadata else self.catalog.cached_mirrored(found, listener)
        )
        if content is None:
            return None
        if is_metadata:
            return _answer(content, digest, headers, _mirrored_object_head)
        return _answer(content, digest, headers, _mirrored_head, found)


def _is_plain(verdict: Verdict) -> bool:
    """Return whether a file is served and there is nothing to be looked up or counted: aiohttp's way does that."""
    return verdict.is_served and not (verdict.lacks_facts or verdict.reported or verdict.exception)


def _file_answer(content: bytes | File | str | None, file: File, headers: RequestHeaders) -> ReadyAnswer | None:
    """Return the answer for what a client gets of a file; see `ReadableCatalog.cached_content`."""
    if content is None:
        return None
    if isinstance(content, str) and not _is_known(file.sha256, headers):
        return ReadyAnswer(HTTPStatus.FOUND, _redirect_head(content), b"", file)
    return _answer(file if isinstance(content, str) else content, file.sha256, headers, _head_of(headers), file)


def _head_of(headers: RequestHeaders) -> Callable[[str, int | None], bytes]:
    return _private_head if headers.reader.has_credentials else _public_head


def _answer(
    content: bytes | File | MirroredFile,
    digest: str,
    headers: RequestHeaders,
    head_of: Callable[[str, int | None], bytes],
    fetched: File | MirroredFile | None = None,
) -> ReadyAnswer:
    if _is_known(digest, headers):
        return ReadyAnswer(HTTPStatus.NOT_MODIFIED, head_of(digest, None), b"")
    size = len(content) if isinstance(content, bytes) else content.size
    return ReadyAnswer(HTTPStatus.OK, head_of(digest, size), content, fetched)


def _is_known(digest: str, headers: RequestHeaders) -> bool:
    return headers.if_none_match != "" and is_among(f'"{digest}"', headers.if_none_match)


@lru_cache(4096)
def _public_head(sha256: str, length: int | None) -> bytes:
    return _file_head(file_headers(sha256, has_login=False), length)


@lru_cache(4096)
def _private_head(sha256: str, length: int | None) -> bytes:
    return _file_head(file_headers(sha256, has_login=True), length)


@lru_cache(4096)
def _mirrored_head(sha256: str, length: int | None) -> bytes:
    return _file_head(kept_headers(sha256), length)


@lru_cache(4096)
def _mirrored_object_head(sha256: str, length: int | None) -> bytes:
    return _file_head(mirrored_headers(sha256), length)


def _file_head(headers: Mapping[str, str], length: int | None) -> bytes:
    """Return the head of an answer; without a length, that of a 304."""
    if length is None:
        return head(HTTPStatus.NOT_MODIFIED, headers)
    return head(HTTPStatus.OK, {**headers, "Content-Type": FILE_TYPE, "Content-Length": str(length)})


@lru_cache(256)  # The heads are large and few, and each is useless after a minute.
def _redirect_head(location: str) -> bytes:
    return head(HTTPStatus.FOUND, {**redirect_headers(location), "Content-Length": "0"})

"""Reads the decisions of an index about a project (docs/api.md), and explains them for people."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError

from wheelyard_operator.kubectl.errors import PluginError

_TIMEOUT = urllib3.Timeout(connect=5, read=60)
_MAX_BYTES = 32 * 1024 * 1024
_MAX_PAGES = 1000


@dataclass(frozen=True)
class IndexApi:
    """The management API of the index at `base`, a URL without a trailing slash."""

    base: str
    user: str = ""
    """"" for no login."""
    token: str = field(default="", repr=False)

    def decisions(self, project: str, version: str) -> Any:
        """Return the decisions about all files of a project, or of one version; raise PluginError."""
        path = f"{self.base}/api/v1/projects/{quote(project, safe='')}/decisions"
        query = {"version": version} if version else {}
        try:
            pages = list(islice(self._pages(path, query), _MAX_PAGES))
            return {**pages[-1], "files": [file for page in pages for file in page["files"]]}
        except (HTTPError, LookupError, TypeError, ValueError) as error:
            raise PluginError(f"{self.base} does not answer like an index: {error}.") from None

    def _pages(self, path: str, query: dict[str, str]) -> Iterator[Any]:
        yield (answer := self._get(path, query))
        while (after := answer["next"]) is not None:
            yield (answer := self._get(path, {**query, "after": after}))

    def _get(self, path: str, query: dict[str, str]) -> Any:
        login = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        headers = {"Authorization": f"Basic {login}"} if self.user else {}
        url = f"{path}?{urlencode(query)}"
        with urllib3.PoolManager(retries=False, timeout=_TIMEOUT) as pool:
            # No redirect is followed: a login is only for the host that it was given for.
            answer = pool.request("GET", url, headers=headers, redirect=False, preload_content=False)
            return self._content(answer.status, answer.read(_MAX_BYTES, decode_content=True))

    def _content(self, status: int, content: bytes) -> Any:
        if status == 200:
            return json.loads(content)
        if status == 401 and not self.user:
            raise PluginError(
                "The index wants a login: choose an IndexUser whose Secret you may read, with --user."
            )
        detail = json.loads(content)["detail"] if content[:1] == b"{" else f"status {status}"
        raise PluginError(f"The index refused: {detail}")


def explained(answer: Any) -> Iterator[str]:
    """Yield the lines that `wheelyard why` prints (wheelyard_server/commands/why.py; a test compares them)."""
    upstream = answer["upstream"]
    yield f"{answer['name']}{f', mirrored from {upstream}' if upstream else ''}"
    if not answer["onName"]["served"]:
        yield f"The name has no page. {answer['onName']['reason']}"
    remarkable = [file for file in answer["files"] if file["objections"] or not file["verdict"]["listed"]]
    for file in remarkable:
        yield f"{file['filename']}: {_state(file['verdict'])}"
        yield from (f"  {line}" for line in _reasons(file))
    others = len(answer["files"]) - len(remarkable)
    if others or not answer["files"]:
        yield _others(others, "other " if remarkable else "")
    yield from answer["notes"]


def _others(number: int, other: str) -> str:
    if number == 1:
        return f"1 {other}file is offered, and no rule objects to it."
    return f"{number} {other}files are offered, and no rule objects to them." if number else "No file is known."


def _state(verdict: Any) -> str:
    end = f" until {verdict['until']}" if verdict["until"] else ""
    if not verdict["served"]:
        return f"refused by {verdict['rule']}{end}"
    return f"offered{end}" if verdict["listed"] else f"not on the page ({verdict['rule']}), but its URL works"


def _reasons(file: Any) -> Iterator[str]:
    for objection in file["objections"]:
        ids = f" [{', '.join(objection['advisories'])}]" if objection["advisories"] else ""
        only = " (only reported)" if objection["action"] == "Report" else ""
        yield f"{objection['rule']}{only}: {objection['reason']}{ids}"
        if objection["exception"] is not None:
            yield f"  {_exception(objection['exception'])}"
    if not file["objections"] and file["verdict"]["reason"]:
        yield file["verdict"]["reason"]


def _exception(exception: Any) -> str:
    by = f", approved by {exception['approvedBy']}" if exception["approvedBy"] else ""
    source = f", from {exception['source']}" if exception["source"] else ""
    return f"excepted until {exception['until']}: {exception['reason']}{by}{source}"

"""Log lines: one for each event, whatever a client puts into it, and no secret in any.

Clients put tokens in all places, not only where they belong. So it is not each call that takes care but the
formatter, through which every line goes.
"""

import logging
import re
from types import TracebackType

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
PATH_LENGTH = 300

_TOKEN = re.compile(r"wy_[0-9A-Za-z]{6,}")
_ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """Hides tokens, and escapes what could begin a new line, move a cursor or turn text around."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name that logging calls
        """Return the line; what was not printable in it is escaped as in Python."""
        return _harmless(super().formatMessage(record))

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - the name that logging calls
        """Return the traceback, indented: none of its lines looks like one of the log."""
        return "\n".join(f"    {_harmless(line)}" for line in super().formatException(ei).splitlines())


class AccessLog(AbstractAccessLogger):
    """Who asked for what, and what came of it; not the query, and nothing that clients say of themselves."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Log a request that was answered in `time` seconds."""
        self.logger.info(
            '%s "%s %s" %d %d %.6f',
            request.remote,
            request.method,
            request.path[:PATH_LENGTH],
            response.status,
            response.body_length,
            time,
        )

    @property
    def enabled(self) -> bool:
        """Whether lines go anywhere."""
        return self.logger.isEnabledFor(logging.INFO)


def _harmless(text: str) -> str:
    hidden = _TOKEN.sub("wy_[hidden]", text)
    return hidden if hidden.isprintable() else "".join(map(_escaped, hidden))


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()

"""Log lines: one for each event, whatever a client puts into it, and no secret in any.

Clients put tokens in all places, not only where they belong. So it is not each call that takes care but the
formatters, through which every line goes. A call may add fields: `log.info("...", extra={"fields": {...}})`.
"""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from wheelyard_server.settings import LogFormat
from wheelyard_server.web import request_ids
from wheelyard_server.web.proxies import client_of

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
PATH_LENGTH = 300

_SECRETS = (
    (re.compile(r"wy_[0-9A-Za-z]{6,}"), "wy_[hidden]"),
    # A JWT, also one that was cut off: even its middle part says more of a person or a pod than a log should.
    (re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*)*"), "eyJ[hidden]"),
    (re.compile(r"://[^\s/?#]*@"), "://[hidden]@"),
    # Hashes of passwords can be tried offline: PHC strings, bcrypt, crypt(3), htpasswd.
    (re.compile(r"\$(?:argon2\w{1,2}|2[abxy]?|[156]|apr1|pbkdf2[\w-]*)\$[\w./+=,$-]+"), "$[hidden]"),
)
_PLAIN = re.compile(r"[\w.,:/@+\[\]-]+")
_ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def set_up(log_format: LogFormat) -> None:
    """Send all lines to stderr in this format, in place of any set-up before."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class LineFormatter(logging.Formatter):
    """Text: hides secrets, and escapes what could begin a new line, move a cursor or turn text around."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name that logging calls
        """Return the line, with fields as `key=value`; what was not printable in it is escaped as in Python."""
        pairs = (f" {key}={_quoted(value)}" for key, value in _fields(record).items())
        return _harmless(super().formatMessage(record) + "".join(pairs))

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - the name that logging calls
        """Return the traceback, indented: none of its lines looks like one of the log."""
        return "\n".join(f"    {_harmless(line)}" for line in super().formatException(ei).splitlines())


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII; hides secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; `time` is of RFC 3339, in UTC."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(_without_secrets(line))


class AccessLog(AbstractAccessLogger):
    """Who asked for what, and what came of it; not the query, and nothing that clients say of themselves."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Log a request that was answered in `time` seconds."""
        self.logger.info(
            '%s "%s %s" %d %d %.6f',
            client_of(request),
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


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    request_id = request_ids.current()
    return {**fields, "requestId": request_id} if request_id else {**fields}


def _quoted(value: Any) -> str:
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _without_secrets(value: Any) -> Any:
    """Return a value of JSON with all its texts hidden where they are secrets."""
    if isinstance(value, dict):
        return {key: _without_secrets(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_without_secrets(each) for each in value]
    return _hidden(value) if isinstance(value, str) else value


def _hidden(text: str) -> str:
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text


def _harmless(text: str) -> str:
    hidden = _hidden(text)
    return hidden if hidden.isprintable() else "".join(map(_escaped, hidden))


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()

"""Log lines: one for each event, whatever clients put into it, and none with a secret.

Clients put tokens in all kinds of places. So the formatters hide them, through which every line
goes, and not each call. A call may add fields: `log.info("...", extra={"fields": {...}})`.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO, TypeAlias

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.log import access_logger

from wheelyard_server.settings import LogFormat
from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.lifecycle import PROBES
from wheelyard_server.web.http.proxies import client_of
from wheelyard_server.web.http.sending import BY_SENDFILE

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
MAX_PATH_LENGTH = 300

_SECRETS = (
    (re.compile(r"wy_[0-9A-Za-z]{6,}"), "wy_[hidden]"),
    # A JWT, even if truncated: its middle part says more about a person or a pod than a log should.
    (re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*)*"), "eyJ[hidden]"),
    (re.compile(r"://[^\s/?#]*@"), "://[hidden]@"),
    # Hashes of passwords can be cracked offline: PHC strings, bcrypt, crypt(3), htpasswd.
    (re.compile(r"\$(?:argon2\w{1,2}|2[abxy]?|[156]|apr1|pbkdf2[\w-]*)\$[\w./+=,$-]+"), "$[hidden]"),
)
_PLAIN = re.compile(r"[\w.,:/@+\[\]-]+")
LogHandler: TypeAlias = logging.StreamHandler[TextIO]
"""The handler that writes lines."""
_ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def set_up(log_format: LogFormat) -> LogHandler:
    """Send all lines to stderr in this format, replacing any earlier setup; return the handler."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    return handler


class LineFormatter(logging.Formatter):
    """Text: hides secrets, and escapes characters that begin a line, move the cursor or reverse text."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name that logging calls
        """Return the line, with fields as `key=value`; unprintable characters are escaped as in Python."""
        pairs = (f" {key}={_quote(value)}" for key, value in _fields(record).items())
        return _harmless(super().formatMessage(record) + "".join(pairs))

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - the name that logging calls
        """Return the traceback, indented: none of its lines looks like a log line."""
        return "\n".join(f"    {_harmless(line)}" for line in super().formatException(ei).splitlines())


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII; hides secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; `time` is in the format of RFC 3339, in UTC."""
        written = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": written.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(_without_secrets(line))


REQUEST = '%s "%s %s" %d %d %.6f'
"""Client, request and outcome, but neither the query nor anything that clients say about themselves."""


class AccessLog(AbstractAccessLogger):
    """Writes the lines of requests that aiohttp has read."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Log a request that was answered in `time` seconds; a probe only if it failed."""
        if request.path.startswith(PROBES) and response.status == 200:
            return
        self.logger.info(
            REQUEST,
            client_of(request),
            request.method,
            request.path[:MAX_PATH_LENGTH],
            response.status,
            response.body_length + request.get(BY_SENDFILE, 0),
            time,
        )

    @property
    def enabled(self) -> bool:
        """Return whether the lines are written at all."""
        return self.logger.isEnabledFor(logging.INFO)


class RequestLog:
    """Writes the lines of the fast lane's requests: the same as `AccessLog`'s, in batches."""

    def __init__(self, handler: LogHandler | None, *, enabled: bool = True) -> None:
        """Write to the stream of `handler`, in its format; None writes by `logging`."""
        self._handler = handler
        self.enabled = enabled
        """Whether `log_request` should be called."""
        self._is_json = handler is not None and isinstance(handler.formatter, JsonFormatter)
        self._second, self._time = 0, ""
        self._lines: list[str] = []

    def log_request(self, now: float, request_id: str, message: str) -> None:
        """Log a request if `enabled`. The message has no secret and no backslash, and is printable."""
        if self._handler is None:
            with request_ids.use(request_id):
                access_logger.info("%s", message)
            return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        self._lines.append(self._format_line(now, request_id, message))

    def _format_line(self, now: float, request_id: str, message: str) -> str:
        if int(now) != self._second:
            self._second, self._time = int(now), self._time_of(now)
        milliseconds = int(now % 1 * 1000)
        if self._is_json:
            quoted = message.replace('"', '\\"')
            return (
                f'{{"time": "{self._time}.{milliseconds:03}Z", "level": "INFO", "logger": "{access_logger.name}", '
                f'"message": "{quoted}", "requestId": "{request_id}"}}\n'
            )
        return f"{self._time},{milliseconds:03} INFO {access_logger.name}: {message} requestId={request_id}\n"

    def _time_of(self, now: float) -> str:
        if self._is_json:
            return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        return time.strftime(logging.Formatter.default_time_format, time.localtime(now))

    def _write(self) -> None:
        assert self._handler is not None  # noqa: S101 - without a handler, `log_request` keeps no lines
        lines, self._lines = self._lines, []
        with self._handler.lock or nullcontext():
            self._handler.stream.write("".join(lines))
            self._handler.flush()


def has_secret(text: str) -> bool:
    """Return whether a part of a text would be hidden."""
    return hide_secrets(text) != text


def hide_secrets(text: str) -> str:
    """Return the text with its secrets hidden."""
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    request_id = request_ids.current()
    return {**fields, "requestId": request_id} if request_id else {**fields}


def _quote(value: Any) -> str:
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _without_secrets(value: Any) -> Any:
    """Return a JSON value with the secrets in its strings hidden."""
    if isinstance(value, dict):
        return {key: _without_secrets(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_without_secrets(each) for each in value]
    return hide_secrets(value) if isinstance(value, str) else value


def _harmless(text: str) -> str:
    harmless = hide_secrets(text)
    return harmless if harmless.isprintable() else "".join(map(_escape, harmless))


def _escape(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()

"""Reads what an index server says about its policy and its events: foreign data, since anyone may create a pod."""

from typing import Any

from wheelyard_operator.policy_states import (
    AdvisoriesState,
    EventsAnswer,
    FileState,
    PolicyAnswer,
    QuarantineState,
)

_MAX_TEXT_LENGTH = 200
_MAX_ENTRIES = 5
_MAX_COUNT = 10**9
_MAX_TIME = 10**10
_NO_FILE = {"revision": "", "usable": True, "error": ""}
_NOTHING: dict[str, Any] = {"entries": ()}


def parse_policy(body: dict[str, Any]) -> PolicyAnswer:
    """Return the answer of `GET /policy`; raise ValueError, LookupError, TypeError or AttributeError."""
    advisories, quarantine = body.get("advisories"), body.get("quarantine", _NOTHING)
    return PolicyAnswer(
        file=parse_file(body["file"]),
        advisories=None if advisories is None else _advisories(advisories),
        quarantine=_quarantine(quarantine),
    )


def parse_events(body: dict[str, Any]) -> EventsAnswer:
    """Return the answer of `GET /events`; raise as `parse_policy`."""
    since = 0 if body["since"] is None else body["since"]
    if not 0 <= since <= _MAX_TIME:
        raise ValueError
    return EventsAnswer(_text(body["failing"]), float(since))


def parse_file(body: dict[str, Any] | None) -> FileState:
    """Return what a server says about a file that it follows, None for no file; raise as `parse_policy`."""
    body = _NO_FILE if body is None else body
    return FileState(_text(body["revision"]), _flag(body["usable"]), _text(body["error"]))


def _advisories(body: dict[str, Any]) -> AdvisoriesState:
    return AdvisoriesState(
        feed=_text(body["feed"]),
        records=_count(body["records"]),
        is_late=_flag(body["late"]),
        is_lost=_flag(body["lost"]),
        failure=_text(body["failure"]),
        waiting=_text(body["waiting"]),
    )


def _quarantine(body: dict[str, Any]) -> QuarantineState:
    entries = body["entries"]
    return QuarantineState(len(entries), tuple(map(_entry, entries[:_MAX_ENTRIES])))


def _entry(body: dict[str, Any]) -> str:
    version = f"=={_text(body['version'])}" if body.get("version") else ""
    what = f"{_text(body['project'])}{version}" if body.get("project") else f"sha256 {_text(body['sha256'])}"
    return f"{what} ({_text(body['reason'])})"


def _text(value: Any) -> str:
    """Return a text for a message. People see it in a terminal."""
    if not isinstance(value, str):
        raise TypeError
    return "".join(each if each.isprintable() else " " for each in value[:_MAX_TEXT_LENGTH])


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_COUNT:
        raise ValueError
    return value

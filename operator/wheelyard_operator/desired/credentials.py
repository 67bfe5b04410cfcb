"""A user's credentials in its Secret, which alone has the state of a rotation.

No restart loses it.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from wheelyard_operator import tokens
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.requests import answered_in
from wheelyard_operator.resource import Manifest
from wheelyard_operator.times import is_time

PASSWORD = "password"  # noqa: S105 - the name of a field
STATE = "wheelyard.json"
"""The key of the state in the Secret, which clients do not read."""


@dataclass(frozen=True)
class Previous:
    """A token that was replaced and still works for a while."""

    digest: str
    until: str


@dataclass(frozen=True)
class ChosenPassword:
    """The hash of a password that the user chose."""

    hash: str
    over: str
    """Settings of the older hash that this one was made from, "" if it was made from the password."""
    source: str
    """The Secret and its version: hashing again would return another hash of the same password."""


@dataclass(frozen=True)
class Credentials:
    """The credentials of a user. Times are RFC 3339, "" if absent."""

    token: str = ""
    """The current token, "" for users without."""
    issued: str = ""
    answered: tuple[str, ...] = ()
    """Requests that this token, the next one or a previous one has answered (`desired.requests`)."""
    next_token: str = ""
    """Added to the access file before it is handed out, so that no user has a token that does not
    work."""
    next_since: str = ""
    previous: tuple[Previous, ...] = ()
    password: ChosenPassword | None = None

    @classmethod
    def parse(cls, secret: Manifest) -> "Credentials":
        """Parse them from a Secret of the API. A damaged part counts as absent."""
        token = decoded(secret, PASSWORD)
        state = _state(decoded(secret, STATE))
        following = state.get("next_token")
        return cls(
            token=token if tokens.is_token(token) else "",
            issued=_time(state, "issued") or secret["metadata"].get("creationTimestamp", ""),
            answered=answered_in(state),
            next_token=following if isinstance(following, str) and tokens.is_token(following) else "",
            next_since=_time(state, "next_since"),
            previous=tuple(each for each in _made(Previous, state.get("previous")) if is_time(each.until)),
            password=next(_made(ChosenPassword, [state.get("password")]), None),
        )

    @property
    def state(self) -> str:
        """Everything but the token itself."""
        return json.dumps({key: value for key, value in asdict(self).items() if value and key != "token"})

    @property
    def token_digests(self) -> tuple[str, ...]:
        """The digests of all tokens that work, that of the current token first."""
        own = (tokens.digest(token) for token in (self.token, self.next_token) if token)
        return (*own, *(each.digest for each in self.previous))


def _state(text: str) -> dict[str, Any]:
    try:
        state = json.loads(text or "{}")
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


def _time(state: dict[str, Any], name: str) -> str:
    time = state.get(name)
    return time if isinstance(time, str) and is_time(time) else ""


def _made(kind: Any, bodies: Any) -> Any:
    """Yield values from bodies with exactly their fields, all of them texts."""
    fields = set(kind.__dataclass_fields__)
    for body in bodies if isinstance(bodies, list) else ():
        if isinstance(body, dict) and set(body) == fields and all(isinstance(each, str) for each in body.values()):
            yield kind(**body)

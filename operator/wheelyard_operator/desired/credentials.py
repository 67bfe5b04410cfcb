"""A user's credentials, as its Secret keeps them: the Secret alone knows, so that no restart forgets a rotation."""

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
"""The key of what is in the Secret besides what clients read."""


@dataclass(frozen=True)
class Previous:
    """A token that has been replaced and still works for a while."""

    digest: str
    until: str


@dataclass(frozen=True)
class ChosenPassword:
    """What is kept of a password of the user's own choice."""

    hash: str
    over: str
    """Settings of the older hash of which this is one, "" where it is of the password itself."""
    source: str
    """Secret and version from which it was made: hashing again would give another hash of the same password."""


@dataclass(frozen=True)
class Credentials:
    """By what a user can log in. Times are RFC 3339, "" where there is none."""

    token: str = ""
    """"" for users without."""
    issued: str = ""
    answered: tuple[str, ...] = ()
    """Requests for a rotation that this token, the next one or one before answers (`desired.requests`)."""
    next_token: str = ""
    """Made known to the index before it is given out, so that nobody ever has one that does not work yet."""
    next_since: str = ""
    previous: tuple[Previous, ...] = ()
    password: ChosenPassword | None = None

    @classmethod
    def parse(cls, secret: Manifest) -> "Credentials":
        """Take them from a Secret as the API gave it. What is damaged counts as absent."""
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
        """All of this but the token itself."""
        return json.dumps({key: value for key, value in asdict(self).items() if value and key != "token"})

    @property
    def token_digests(self) -> tuple[str, ...]:
        """The digests of all tokens that work, the one that is given out first."""
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
    """Make values of what has exactly their fields, all of them texts."""
    fields = set(kind.__dataclass_fields__)
    for body in bodies if isinstance(bodies, list) else ():
        if isinstance(body, dict) and set(body) == fields and all(isinstance(each, str) for each in body.values()):
            yield kind(**body)

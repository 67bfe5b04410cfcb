"""Renders sessions.yaml, which docs/contract.md describes, and keeps the operator's record of it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import yaml

from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.desired.requests import answered_in, is_asked, with_answer
from wheelyard_operator.openid_provider import Provider
from wheelyard_operator.resource import Manifest, SingleSignOn
from wheelyard_operator.times import is_time, later

SESSIONS_FILE = "sessions.yaml"
SESSIONS_RECORD = "wheelyard.json"
"""The key of the access Secret with the record, which servers do not read."""
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class SessionsRecord:
    """What must outlive a reconciliation. Each part is empty if it is absent."""

    key: str = ""
    """32 bytes in URL-safe base64, with which servers sign sessions."""
    not_before: str = ""
    """No session that began before counts. RFC 3339."""
    answered: tuple[str, ...] = ()
    """The requests to end all sessions that were answered (`desired.requests`)."""
    provider: Manifest = field(default_factory=dict)
    """The last known good `Provider`, as a dictionary."""

    @classmethod
    def parse(cls, secret: Manifest) -> "SessionsRecord":
        """Parse it from an access Secret. A damaged part counts as absent."""
        content = _object(decoded(secret, SESSIONS_RECORD))
        key, not_before, provider = (content.get(name) for name in ("key", "notBefore", "provider"))
        return cls(
            key=key if isinstance(key, str) else "",
            not_before=not_before if isinstance(not_before, str) and is_time(not_before) else "",
            answered=answered_in(content),
            provider=provider if isinstance(provider, dict) else {},
        )

    @property
    def text(self) -> str:
        """The text of it, without empty parts."""
        content = {
            "key": self.key,
            "notBefore": self.not_before,
            "answered": list(self.answered),
            "provider": self.provider,
        }
        return json.dumps({name: value for name, value in content.items() if value}, sort_keys=True)

    def after(self, request: str, now: str, new_key: Callable[[], str]) -> "SessionsRecord":
        """Return the record after a request to end all sessions, if it is new, and with a key in any case.

        A request replaces the key, too: it may be the reason.
        """
        if self.key and not is_asked(request, self.answered):
            return self
        # Sessions know whole seconds: those of the present one end, too.
        ended = later(now, 1) if self.key else self.not_before
        answered = with_answer(request, self.answered)
        return replace(self, key=new_key(), not_before=ended, answered=answered)

    def with_provider(self, provider: Provider) -> "SessionsRecord":
        """Return the record with this provider as the last known good one."""
        return replace(self, provider=asdict(provider) | {"keys": list(provider.keys)})


def sessions_file(record: SessionsRecord, oidc: Manifest | None = None) -> str:
    """Render sessions.yaml; `oidc` is its section for single sign-on.

    Not as JSON: names of groups may have characters whose escapes are no YAML.
    """
    content = {
        "keys": [record.key],
        **({"notBefore": record.not_before} if record.not_before else {}),
        **({"oidc": oidc} if oidc else {}),
    }
    return str(yaml.dump(content, Dumper=_DUMPER, sort_keys=False, allow_unicode=True))


def oidc_section(sign_on: SingleSignOn, provider: Provider, client_secret: str, ca_bundle: str) -> Manifest:
    """Return `oidc`. `ca_bundle` has all authorities that servers trust in addition to the public ones."""
    return {
        "issuer": sign_on.issuer,
        "clientId": sign_on.client_id,
        "clientSecret": client_secret,
        "authorizationEndpoint": provider.authorization_endpoint,
        "tokenEndpoint": provider.token_endpoint,
        "keys": list(provider.keys),
        "scopes": list(sign_on.scopes),
        "groupsClaim": sign_on.groups_claim,
        "groups": [{"provider": each.provider, "group": each.group} for each in sign_on.groups],
        **({"caBundle": ca_bundle} if ca_bundle else {}),
    }


def with_sessions(secret: Manifest, text: str, record: str) -> Manifest:
    """Return the access Secret with sessions.yaml and the record."""
    return {**secret, "data": {**secret["data"], **encoded({SESSIONS_FILE: text, SESSIONS_RECORD: record})}}


def digest_of(text: str) -> str:
    """Return the SHA-256 of sessions.yaml, in hex, as servers report it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}

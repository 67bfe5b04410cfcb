"""The Secret with the tokens of CodeArtifact, which has the credentials of several upstreams of an index."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wheelyard_operator.desired.common import content_digest, decoded, encoded, index_metadata
from wheelyard_operator.desired.upstreams import token_key
from wheelyard_operator.resource import CodeArtifact, Manifest, PackageIndex
from wheelyard_operator.times import is_time

USERNAME = "aws"
"""CodeArtifact's name for users with a token."""
_STATE = "wheelyard.json"


@dataclass(frozen=True)
class KeptToken:
    """The token of one upstream. Times are RFC 3339."""

    secret: str
    expires: str
    renew: str
    """When the next one is due."""
    source: str
    """See `token_source`."""

    def is_for(self, domain: CodeArtifact | None) -> bool:
        """Return whether it was fetched for this domain, with the same role or the index's key."""
        return domain is not None and self.source == token_source(domain)


def token_source(domain: CodeArtifact) -> str:
    """Return a digest of a domain and its role. A token outlives the rotation of the key it was fetched with."""
    return content_digest([domain.domain, domain.domain_owner, domain.region, domain.role_arn])


def kept_tokens(index: PackageIndex, secret: Manifest | None) -> dict[str, KeptToken]:
    """Return the tokens in the Secret, by upstream. A damaged one counts as absent."""
    try:
        state = {**json.loads(decoded(secret or {}, _STATE) or "{}")}
    except (ValueError, TypeError):
        return {}
    found = {
        each.name: _kept(decoded(secret or {}, token_key(each.name, "password")), state.get(each.name))
        for each in index.upstreams
        if each.code_artifact
    }
    return {name: token for name, token in found.items() if token}


def _kept(secret: str, state: Any) -> KeptToken | None:
    match state:
        case {"expires": str(expires), "renew": str(renew), "source": str(source)} if secret:
            return KeptToken(secret, expires, renew, source) if is_time(expires) and is_time(renew) else None
    return None


def tokens_secret(index: PackageIndex, tokens: Mapping[str, KeptToken]) -> Manifest:
    """Return the Secret with these tokens, by upstream."""
    data = {_STATE: json.dumps({name: _state(token) for name, token in sorted(tokens.items())})}
    for name, token in tokens.items():
        data |= {token_key(name, "username"): USERNAME, token_key(name, "password"): token.secret}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": index_metadata(index, index.tokens_secret_name),
        "type": "Opaque",
        "data": encoded(data),
    }


def _state(token: KeptToken) -> dict[str, str]:
    return {"expires": token.expires, "renew": token.renew, "source": token.source}

"""access.yaml: who may do what, as docs/contract.md has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wheelyard_operator.resource import Grant, IndexUser, Manifest, PackageIndex

ACCESS_FILE = "access.yaml"
# With many users the pure Python one takes most of a reconciliation's time.
_DUMPER: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class Login:
    """A user whom the index accepts, and the digest of the token in its Secret."""

    user: IndexUser
    token_digest: str


def access_file(index: PackageIndex, logins: Iterable[Login]) -> str:
    """Render access.yaml; the same rights always give the same bytes."""
    in_order = sorted(logins, key=lambda login: login.user.username)
    grants = [*index.grants, *(grant for login in in_order for grant in login.user.grants)]
    content = {
        "users": [
            {
                "name": login.user.username,
                "groups": sorted(set(login.user.groups)),
                "tokenDigests": [login.token_digest],
            }
            for login in in_order
        ],
        "grants": [_grant(grant) for grant in grants],
        "externalGrants": [_grant(grant) for grant in index.external_grants],
    }
    return yaml.dump(content, Dumper=_DUMPER, sort_keys=False)


def _grant(grant: Grant) -> Manifest:
    return {
        "subjects": list(grant.subjects),
        "packages": list(grant.packages),
        "verbs": list(grant.verbs),
    }

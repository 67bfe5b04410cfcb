"""The Secret with the S3 credentials that the operator created for an index, and their state."""

import json
from dataclasses import asdict, dataclass

from wheelyard_operator.desired.common import content_digest, decoded, encoded, index_metadata
from wheelyard_operator.desired.requests import answered_in
from wheelyard_operator.resource import Manifest, PackageIndex, S3Storage
from wheelyard_operator.times import is_time

KEY_ID = "AWS_ACCESS_KEY_ID"
KEY_SECRET = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a field
SESSION_TOKEN = "AWS_SESSION_TOKEN"  # noqa: S105 - the name of a field
_STATE = "wheelyard.json"


@dataclass(frozen=True)
class StorageKey:
    """The access key in force. Times are RFC 3339, "" if absent."""

    key_id: str = ""
    """Its ID, "" if there is no key."""
    secret: str = ""
    issued: str = ""
    answered: tuple[str, ...] = ()
    """Requests that this key or a previous one has answered (`desired.requests`)."""
    deactivated: str = ""
    """When the previous key was deactivated. It could be activated again manually."""

    @classmethod
    def parse(cls, secret: Manifest) -> "StorageKey":
        """Parse it from a Secret of the API. A damaged part counts as absent."""
        key_id, key_secret = decoded(secret, KEY_ID), decoded(secret, KEY_SECRET)
        if not (key_id and key_secret):
            return cls()
        try:
            state = {**json.loads(decoded(secret, _STATE) or "{}")}
        except (ValueError, TypeError):
            state = {}
        times = {name: state[name] for name in ("issued", "deactivated") if is_time(str(state.get(name)))}
        issued = secret["metadata"].get("creationTimestamp", "")
        return cls(key_id, key_secret, answered=answered_in(state), **{"issued": issued, **times})

    @property
    def state(self) -> str:
        """Everything but the key itself."""
        return json.dumps(
            {name: value for name, value in asdict(self).items() if value and name not in {"key_id", "secret"}}
        )


def storage_secret(index: PackageIndex, key: StorageKey) -> Manifest:
    """Return the Secret with one access key."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": index_metadata(index, index.made_secret_name),
        "type": "Opaque",
        "data": encoded({KEY_ID: key.key_id, KEY_SECRET: key.secret, _STATE: key.state}),
    }


def credentials_digest(storage: S3Storage, secret: Manifest | None) -> str:
    """Return a digest of the credentials that pods start with: if it changes, they are replaced.

    `secret` is the one that the index names. Only its keys count: nothing else in it concerns the
    pods.
    """
    if storage.cloud_role is not None:
        # The cloud's webhook looks at a ServiceAccount when a pod starts.
        return content_digest({"serviceAccount": storage.cloud_role.annotations})
    return content_digest([decoded(secret or {}, key) for key in (KEY_ID, KEY_SECRET, SESSION_TOKEN)])

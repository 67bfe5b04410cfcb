"""An IndexUser, and the names of everything that the operator creates for it."""

from dataclasses import dataclass

from wheelyard_operator.durations import parse_duration
from wheelyard_operator.resource.access import Grant
from wheelyard_operator.resource.meta import INDEX, ROTATE_ANNOTATION, Key, Manifest, Meta
from wheelyard_operator.resource.publishers import TokenIdentity
from wheelyard_operator.resource.renamed import RenamedField, renamed_fields


@dataclass(frozen=True)
class Rotation:
    """When the token of a user is rotated."""

    every: int
    """Seconds; 0 if it is not scheduled."""
    overlap: int
    """Seconds that the previous token still works after a rotation."""
    request: str
    """Value of the annotation `wheelyard.dev/rotate`. Each value requests one rotation; "" requests none."""

    @classmethod
    def parse(cls, body: Manifest) -> "Rotation":
        """Take it from an IndexUser."""
        credentials = body["spec"].get("credentials", {})
        return cls(
            every=parse_duration(credentials.get("rotateEvery") or "0s"),
            overlap=parse_duration(credentials.get("overlap", "1h")),
            request=body["metadata"].get("annotations", {}).get(ROTATE_ANNOTATION, ""),
        )


@dataclass(frozen=True)
class IndexUser:
    """One user of one index."""

    meta: Meta
    index: Key
    groups: tuple[str, ...]
    grants: tuple[Grant, ...]
    secret_name: str
    is_external: bool
    """Whether the Secret has the address of the external listener, else that of the cluster listener."""
    has_token: bool
    """Whether it has a token, possibly in addition to other ways to log in."""
    rotation: Rotation
    password_secret_name: str
    """The Secret with a password that the user chose, "" if there is none."""
    service_accounts: tuple[str, ...]
    """ServiceAccounts in the namespace of the user. It must not name those of other namespaces."""
    publishers: tuple[TokenIdentity, ...]
    renamed: tuple[RenamedField, ...]
    """Fields that it still has under their old names."""
    status: Manifest

    @classmethod
    def parse(cls, body: Manifest) -> "IndexUser":
        """Take it from an answer of the API server, whose schema has checked it."""
        meta, spec = Meta.parse(body), body["spec"]
        credentials = spec.get("credentials", {})
        username = f"{meta.namespace}.{meta.name}"
        return cls(
            meta=meta,
            index=Key(INDEX, spec["indexRef"].get("namespace") or meta.namespace, spec["indexRef"]["name"]),
            groups=tuple(spec.get("groups", ())),
            grants=tuple(Grant.parse(each, (f"user:{username}",)) for each in spec.get("grants", ())),
            secret_name=credentials.get("secretName") or f"{meta.name}-pypi",
            is_external=credentials.get("listener", "Cluster") == "External",
            has_token=credentials.get("token", True),
            rotation=Rotation.parse(body),
            password_secret_name=credentials.get("passwordSecretRef", {}).get("name", ""),
            service_accounts=tuple(each["name"] for each in spec.get("serviceAccounts", ())),
            publishers=tuple(TokenIdentity.of_publisher(each) for each in spec.get("trustedPublishers", ())),
            renamed=renamed_fields(body),
            status=body.get("status", {}),
        )

    @property
    def username(self) -> str:
        """The name to log in with. A namespace has no dots, so no two users share one."""
        return f"{self.meta.namespace}.{self.meta.name}"

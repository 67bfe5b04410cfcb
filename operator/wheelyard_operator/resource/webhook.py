"""The webhook of an index: one receiver of events."""

from dataclasses import dataclass

from wheelyard_operator.resource.meta import Manifest
from wheelyard_operator.resource.upstreams import allowed_form


@dataclass(frozen=True)
class Webhook:
    """The receiver of events, and the Secret with which they are signed."""

    url: str
    secret_name: str
    """A Secret of the index's own namespace."""
    events: tuple[str, ...]
    """The kinds of events; empty for all."""
    ca_bundle: str

    @classmethod
    def parse(cls, body: Manifest) -> "Webhook":
        """Take it from `spec.webhook`."""
        return cls(
            url=body["url"],
            secret_name=body["secretRef"]["name"],
            events=tuple(body.get("events", ())),
            ca_bundle=body.get("caBundle", ""),
        )

    @property
    def host(self) -> str:
        """The host that must be allowed, in the form of `allowed_form`."""
        return allowed_form(self.url)

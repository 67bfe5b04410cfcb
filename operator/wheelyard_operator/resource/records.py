"""What an index knows and keeps apart from packages: the feed of advisories, and the fetch log."""

from dataclasses import dataclass

from wheelyard_operator.durations import parse_duration
from wheelyard_operator.egress import OSV
from wheelyard_operator.resource.meta import Manifest
from wheelyard_operator.resource.upstreams import allowed_form

_DAY = 86_400


@dataclass(frozen=True)
class AdvisoryFeed:
    """The source of advisories about malware and vulnerabilities."""

    url: str = ""
    """"" for OSV."""
    ca_bundle: str = ""
    poll_seconds: int = 120

    @classmethod
    def of_index(cls, spec: Manifest) -> "AdvisoryFeed | None":
        """Take it from `spec`: OSV is the default of an index with an upstream that is asked."""
        is_open = any(not each.get("offline") for each in spec.get("upstreams", ()))
        body = spec.get("advisories", {} if is_open else {"none": {}})
        if "none" in body:
            return None
        return cls(body.get("url", ""), body.get("caBundle", ""), parse_duration(body.get("poll", "2m")))

    @property
    def host(self) -> str:
        """The host that must be allowed, in the form of `allowed_form`."""
        return allowed_form(self.url) if self.url else OSV


@dataclass(frozen=True)
class FetchLog:
    """The log of who fetched which file."""

    days: int = 90
    addresses: str = "Full"

    @classmethod
    def parse(cls, body: Manifest) -> "FetchLog":
        """Take it from `spec.fetchLog`."""
        return cls(parse_duration(body.get("retention", "90d")) // _DAY, body.get("addresses", "Full"))

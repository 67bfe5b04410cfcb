"""A PackageException: a request not to refuse some releases of an index for a while."""

from dataclasses import dataclass

from wheelyard_operator.resource.meta import INDEX, Key, Manifest, Meta


@dataclass(frozen=True)
class PackageException:
    """One exception. It counts for all readers of the index."""

    meta: Meta
    index: Key
    packages: tuple[str, ...]
    """Normalized names, no globs."""
    versions: str
    """Version specifiers (PEP 440), "" for all versions."""
    advisories: tuple[str, ...]
    """IDs; empty for all advisories."""
    rules: tuple[str, ...]
    """The rules that it lifts."""
    until: str
    """A day, or a time in RFC 3339."""
    reason: str
    approved_by: str
    status: Manifest

    @classmethod
    def parse(cls, body: Manifest) -> "PackageException":
        """Take it from an answer of the API server, whose schema has checked it."""
        meta, spec = Meta.parse(body), body["spec"]
        return cls(
            meta=meta,
            index=Key(INDEX, spec["indexRef"].get("namespace") or meta.namespace, spec["indexRef"]["name"]),
            packages=tuple(spec["packages"]),
            versions=spec.get("versions", ""),
            advisories=tuple(spec.get("advisories", ())),
            rules=tuple(spec["from"]),
            until=spec["until"],
            reason=spec["reason"],
            approved_by=spec.get("approvedBy", ""),
            status=body.get("status", {}),
        )

    @property
    def id(self) -> str:
        """`<namespace>/<name>`, as in the policy file."""
        return f"{self.meta.namespace}/{self.meta.name}"

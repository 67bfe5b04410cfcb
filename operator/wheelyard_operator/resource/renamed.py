"""Fields that were renamed: the old name is never read, and refused for one release.

An earlier schema stored its defaults, so a resource may have an old field that no one wrote. With
its old default it means the same as the default of the new field, and is ignored.
"""

from dataclasses import dataclass

from wheelyard_operator.resource.meta import INDEX, USER, Manifest


@dataclass(frozen=True)
class RenamedField:
    """A field that had another name in the release before."""

    kind: str
    old: str
    """Its path below the resource, such as spec.freshness.freshSeconds."""
    new: str
    default: object
    """The value that the earlier schema stored."""
    advice: str

    @property
    def message(self) -> str:
        """The refusal, as the schema and the condition have it."""
        return f"{self.old} is now {self.new}: {self.advice}"

    def is_used(self, body: Manifest) -> bool:
        """Return whether a resource has the old field with a value that someone has written."""
        value: object = body
        for name in self.old.split("."):
            if not isinstance(value, dict) or name not in value:
                return False
            value = value[name]
        return value != self.default


RENAMED_FIELDS = (
    RenamedField(
        INDEX,
        "spec.freshness.freshSeconds",
        "spec.freshness.fresh",
        0,
        "write fresh: 30s in place of freshSeconds: 30",
    ),
    RenamedField(
        INDEX,
        "spec.freshness.staleSeconds",
        "spec.freshness.stale",
        3600,
        "write stale: 10m in place of staleSeconds: 600",
    ),
    RenamedField(
        USER,
        "spec.credentials.url",
        "spec.credentials.listener",
        "Internal",
        "write listener: External in place of url: External",
    ),
)


def renamed_fields(body: Manifest) -> tuple[RenamedField, ...]:
    """Return the old fields that a resource uses: it was stored before they were refused."""
    return tuple(each for each in RENAMED_FIELDS if each.kind == body["kind"] and each.is_used(body))

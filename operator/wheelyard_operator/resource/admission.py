"""The namespaces whose IndexUsers an index accepts."""

from dataclasses import dataclass

from wheelyard_operator.resource.meta import Manifest


@dataclass(frozen=True)
class LabelSelector:
    """A label selector as Kubernetes defines it."""

    labels: tuple[tuple[str, str], ...] = ()
    expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    @classmethod
    def parse(cls, body: Manifest) -> "LabelSelector":
        """Take it from a resource."""
        return cls(
            labels=tuple(body.get("matchLabels", {}).items()),
            expressions=tuple(
                (each["key"], each["operator"], tuple(each.get("values", ())))
                for each in body.get("matchExpressions", ())
            ),
        )

    def matches(self, labels: dict[str, str]) -> bool:
        """Return whether an object with these labels is selected; an empty selector selects everything."""
        return all(labels.get(key) == value for key, value in self.labels) and all(
            _holds(labels, *expression) for expression in self.expressions
        )


def _holds(labels: dict[str, str], key: str, operator: str, values: tuple[str, ...]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            # The schema allows no other operator. An unknown one must not admit anyone.
            return False


@dataclass(frozen=True)
class NamespaceAdmission:
    """The namespaces whose IndexUsers an index accepts in addition to its own: Same | All | Selector."""

    source: str = "Same"
    selector: LabelSelector = LabelSelector()

    @classmethod
    def parse(cls, body: Manifest) -> "NamespaceAdmission":
        """Take it from `spec.access.users.namespaces`."""
        return cls(body.get("from", "Same"), LabelSelector.parse(body.get("selector", {})))

    def admits(self, home: str, namespace: str, labels: dict[str, str] | None) -> bool:
        """Return whether an index in `home` accepts users of a namespace.

        `labels` are those of the namespace, None if it no longer exists.
        """
        if namespace == home or self.source == "All":
            return True
        return self.source == "Selector" and labels is not None and self.selector.matches(labels)

"""What an index's owner may say of the pods: where they run, what they may take, and how many there are."""

from dataclasses import dataclass

from wheelyard_operator.resource.meta import Manifest

_REQUESTS = {"cpu": "100m", "memory": "128Mi"}
_LIMITS = {"memory": "512Mi"}


@dataclass(frozen=True)
class Pods:
    """Wishes that give nobody rights: no image, no environment, no identity. In the form of a pod's spec."""

    resources: Manifest
    node_selector: Manifest
    tolerations: tuple[Manifest, ...]
    priority_class: str

    @classmethod
    def parse(cls, spec: Manifest) -> "Pods":
        """Take it from `spec`."""
        resources = spec.get("resources", {})
        return cls(
            resources={
                "requests": {**_REQUESTS, **resources.get("requests", {})},
                "limits": {**_LIMITS, **resources.get("limits", {})},
            },
            node_selector=spec.get("nodeSelector", {}),
            tolerations=tuple(spec.get("tolerations", ())),
            priority_class=spec.get("priorityClassName", ""),
        )


@dataclass(frozen=True)
class Autoscaling:
    """How many pods there are, by what they are busy with."""

    min_replicas: int
    max_replicas: int
    cpu_percent: int
    """Of what each pod requests."""

    @classmethod
    def parse(cls, body: Manifest) -> "Autoscaling":
        """Take it from `spec.autoscaling`."""
        return cls(
            min_replicas=body.get("minReplicas", 2),
            max_replicas=body["maxReplicas"],
            cpu_percent=body.get("targetCPUUtilizationPercentage", 80),
        )

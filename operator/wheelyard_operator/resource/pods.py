"""What the owner of an index may set for its pods: nodes, resources and number."""

from dataclasses import dataclass

from wheelyard_operator.resource.meta import Manifest

_REQUESTS = {"cpu": "100m", "memory": "128Mi"}
_LIMITS = {"memory": "512Mi"}


@dataclass(frozen=True)
class Pods:
    """Settings as in the spec of a pod, and only those that give no rights: no image, environment or identity."""

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
    """Scales the number of pods by CPU usage."""

    min_replicas: int
    max_replicas: int
    cpu_percent: int
    """Percent of the CPU request of each pod."""

    @classmethod
    def parse(cls, body: Manifest) -> "Autoscaling":
        """Take it from `spec.autoscaling`."""
        return cls(
            min_replicas=body.get("minReplicas", 2),
            max_replicas=body["maxReplicas"],
            cpu_percent=body.get("targetCPUUtilizationPercentage", 80),
        )

"""JSON schemas for kubeconform, of every kind in the chart and each version of Kubernetes.

They come from PyPI, also those of the Prometheus Operator: kubeconform would fetch its own from
the network.
"""

import json
import subprocess
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from clients.environments import environment

LOCKS = Path(__file__).with_name("locks")
_MONITORED = ("servicemonitor", "prometheusrule")
_MONITORING = """
import json
from cloudcoil.models.prometheus_operator import v1

models = (v1.ServiceMonitor, v1.PrometheusRule)
print(json.dumps({each.__name__.lower(): each.model_json_schema(by_alias=True) for each in models}))
"""
TEMPLATE = "{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}{{.KindSuffix}}.json"


def versions() -> list[str]:
    """Return the versions of Kubernetes that have schemas, such as `1.34.0`, oldest first."""
    names = [
        each.name.removeprefix("v").removesuffix("-local-strict") for each in _shipped().glob("*-local-strict")
    ]
    return sorted(names, key=lambda name: tuple(map(int, name.split("."))))


def write(folder: Path, version: str, kinds: Collection[str]) -> None:
    """Write the schemas of these kinds, for one version of Kubernetes, into `folder`."""
    target, source = folder / f"v{version}", _shipped() / f"v{version}-local-strict"
    target.mkdir(parents=True)
    names = {kind.lower() for kind in kinds}
    definitions = json.loads((source / "_definitions.json").read_text())["$defs"]
    for file in (each for each in source.glob("*-v1.json") if each.name.partition("-")[0] in names):
        # Each must be complete: kubeconform fetches the name in `$id`, and the definitions, from
        # the network.
        schema = json.loads(file.read_text().replace('"/api/_definitions.json#', '"#'))
        del schema["$id"], schema["$schema"]
        (target / file.name).write_text(json.dumps({**schema, "$defs": definitions}))
    if names & set(_MONITORED):
        for kind, schema in _of_monitoring().items():
            (target / f"{kind}-monitoring-v1.json").write_text(json.dumps(schema))


def _shipped() -> Path:
    (found,) = environment("schemas", LOCKS).glob(
        "lib/python*/site-packages/kubernetes_validate/kubernetes-json-schema"
    )
    return found


@cache
def _of_monitoring() -> dict[str, Any]:
    python = environment("schemas", LOCKS) / "bin/python"
    done = subprocess.run([python, "-c", _MONITORING], capture_output=True, text=True, check=True)
    schemas: dict[str, Any] = json.loads(done.stdout)
    for schema in schemas.values():
        for each in (schema, *schema["$defs"].values()):
            if "properties" in each:
                each["additionalProperties"] = False
    return schemas

"""The parts that decide whether the pods of an index are replaced, for a set of indexes.

`make pod-templates` stores them again.
"""

import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from moto import mock_aws

from support.mainjob import ROOT
from unit.wheelyard_operator.fakes import index_body, own_credentials
from unit.wheelyard_operator.reconcile.world import World
from wheelyard_operator.desired.common import CONFIG_ANNOTATION, content_digest, encoded
from wheelyard_operator.resource import CREDENTIALS_ANNOTATION

STORED = Path(__file__).with_name("pod_templates.yaml")
CHANGELOG = ROOT / "CHANGELOG.md"
COMMAND = 'make pod-templates WHY="SENTENCE OF CHANGELOG.md"'
NEW_KEY = "of a key that is created again each time"

INDEXES: dict[str, dict[str, Any]] = {
    "least": {},
    "own-credentials": own_credentials("keys"),
    "role": {
        "s3__provision": {},
        "s3__credentials": {
            "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"}}
        },
    },
    "volume": {"storage": {"volume": {"size": "20Gi"}}, "replicas": 1},
}
"""Each with another pod. What everybody may set (replicas, rights) replaces none."""


def rendered() -> dict[str, Any]:
    """Reconcile each index in a world of its own.

    Give the pod template of its Deployment, and its settings.
    """
    return {name: _rendered(changes) for name, changes in INDEXES.items()}


def _rendered(changes: dict[str, Any]) -> Any:
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with mock_aws(), patch.dict(os.environ, keys):
        world = World()
        metadata = {"name": "keys", "namespace": "packages"}
        world.kube.put({"kind": "Secret", "metadata": metadata, "data": encoded(keys)})
        world.clients.own_s3("us-east-1").create_bucket(Bucket="acme")
        world.kube.put(index_body(**changes))
        world.settle()
        template = world.get("Deployment", "wheelyard-main")["spec"]["template"]
        settings = world.get("ConfigMap", "wheelyard-main")["data"]["index.yaml"]
    annotations = template["metadata"]["annotations"]
    assert annotations[CONFIG_ANNOTATION] == content_digest(settings)
    if not changes:
        annotations[CREDENTIALS_ANNOTATION] = NEW_KEY
    return {"template": template, "settings": yaml.safe_load(settings)}


def store(why: str) -> None:
    """Keep what is rendered now, with the changelog's sentence that says why pods are replaced."""
    if why not in changelog():
        sys.exit(f"CHANGELOG.md does not say: {why}")
    templates = rendered()
    reasons = yaml.safe_load(STORED.read_text())["reasons"] if STORED.exists() else {}
    content = {"reasons": {**reasons, content_digest(templates): why}, "templates": templates}
    STORED.write_text(yaml.safe_dump(content, sort_keys=False, width=116))


def changelog() -> str:
    """Return the changelog with its lines joined."""
    return " ".join(CHANGELOG.read_text().split())


if __name__ == "__main__":
    store(*sys.argv[1:])

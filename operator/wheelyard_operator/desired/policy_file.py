"""Renders the policy file, which docs/contract.md describes, and mounts it into the pods."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from wheelyard_operator.desired.common import content_digest, index_metadata
from wheelyard_operator.desired.policy_budget import LEFT_OUT_ANNOTATION, LeftOut
from wheelyard_operator.resource import Manifest, PackageException, PackageIndex
from wheelyard_operator.times import is_time

POLICY_FILE = "policy.yaml"
POLICY_FOLDER = "/etc/wheelyard/policy"
POLICY_PATH = f"{POLICY_FOLDER}/{POLICY_FILE}"
MAX_EXCEPTIONS = 1_000
"""In one file: servers refuse more."""
MAX_BYTES = 1_000_000
"""Less than the 1 MiB of a ConfigMap, and of what servers read."""
VOLUME = "policy"
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one with the C library takes a quarter of the time."""
_SEEN = "seen.json"
"""The key with the times at which the exceptions of the index were first seen: only the operator reads it."""


def policy_file(private_names: Iterable[str], rules: Manifest, exceptions: Iterable[Manifest]) -> str:
    """Render the policy file; the same policy always results in the same text.

    Not as JSON: its escapes for characters beyond the first 65,536 are no YAML.
    """
    policy = {**_without_empty(rules), "exceptions": list(exceptions)}
    content = {"names": {"private": list(private_names)}, "policy": policy}
    return str(yaml.dump(content, Dumper=_DUMPER, sort_keys=False, allow_unicode=True))


def exception_entry(exception: PackageException, ends: str) -> Manifest:
    """Return the entry of a PackageException. `ends` may be earlier than it says."""
    optional = {"advisories": list(exception.advisories), "approvedBy": exception.approved_by}
    return {
        "packages": list(exception.packages),
        "versions": exception.versions,
        "from": list(exception.rules),
        "until": ends,
        "reason": exception.reason,
        **{key: value for key, value in optional.items() if value},
        "source": exception.id,
    }


def policy_configmap(index: PackageIndex, text: str, seen: Mapping[str, str], left_out: LeftOut) -> Manifest:
    """Return the ConfigMap with the policy file."""
    metadata = index_metadata(index, index.policy_configmap_name)
    if left_out.first:
        metadata["annotations"] = {LEFT_OUT_ANNOTATION: left_out.text}
    data = {POLICY_FILE: text, **({_SEEN: json.dumps(seen, sort_keys=True)} if seen else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def first_seen(configmap: Manifest | None, exceptions: Iterable[Manifest], now: str) -> dict[str, str]:
    """Return when each exception of an index was first seen, by its digest: `now` for a new one."""
    known = _seen(configmap or {})
    digests = map(content_digest, exceptions)
    return {each: found if is_time(found := known.get(each, "")) and found < now else now for each in digests}


def digest_of(text: str) -> str:
    """Return the SHA-256 of a file, which servers report."""
    return hashlib.sha256(text.encode()).hexdigest()


def policy_volume(index: PackageIndex) -> list[Manifest]:
    """Return the volume with the policy file; no volume for an index without one."""
    items = [{"key": POLICY_FILE, "path": POLICY_FILE}]
    volume = {"name": VOLUME, "configMap": {"name": index.policy_configmap_name, "items": items}}
    return [volume] if index.policy else []


def policy_mount(index: PackageIndex) -> list[Manifest]:
    """Return the mount of that volume."""
    return [{"name": VOLUME, "mountPath": POLICY_FOLDER, "readOnly": True}] if index.policy else []


def _seen(configmap: Manifest) -> Mapping[str, str]:
    try:
        content: Any = json.loads(configmap.get("data", {}).get(_SEEN, "{}"))
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}


def _without_empty(rules: Manifest) -> Manifest:
    """Leave out texts that are empty by default: the file has no such value for a duration."""
    cooldown = rules.get("cooldown", {})
    return {**rules, **({"cooldown": {key: each for key, each in cooldown.items() if each}} if cooldown else {})}

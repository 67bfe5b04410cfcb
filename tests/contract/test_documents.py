"""What the documents show is true of this version: commands are tried, manifests and settings are taken."""

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from support import documents
from support.documents import NOT_TRIED, PAGES, ROOT, Block
from wheelyard_operator.provision.iam_policy import storage_policy
from wheelyard_operator.resource import PackageIndex, S3Storage
from wheelyard_server import settings
from wheelyard_server.access import access_file, session_file
from wheelyard_server.settings.policy import parse_policy

BLOCKS = [block for page in PAGES for block in documents.blocks(page)]
COMMANDS = [(block, command) for block in BLOCKS for command in block.commands]
OURS = {"PackageIndex": "packageindexes", "IndexUser": "indexusers", "PackageException": "packageexceptions"}
SERVER_FILES = {"index.yaml", "access.yaml", "policy.yaml", "sessions.yaml"}
WORKFLOWS = {".github/workflows/release.yml", ".gitlab-ci.yml"}
"""Read by tests/contract/test_workflows.py."""


def of_language(language: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", [each for each in BLOCKS if each.language == language], ids=str)


def test_documents_are_found() -> None:
    assert len(COMMANDS) > 40


@pytest.mark.parametrize(
    ("block", "command"), COMMANDS, ids=[f"{block}-{command[:40]}" for block, command in COMMANDS]
)
def test_every_command_is_tried_or_says_why_not(block: Block, command: str) -> None:
    assert documents.reason_not_tried(command) or documents.place_of(command), (
        f"{block}: nothing tries `{command}`: name its program in tests/support/documents.py, or say there why not"
    )


@pytest.mark.parametrize("beginning", NOT_TRIED)
def test_commands_that_are_not_run_still_exist_in_the_documents(beginning: str) -> None:
    assert any(command.startswith(beginning) for _, command in COMMANDS)


def test_every_command_is_marked_as_one() -> None:
    """Else nothing would try it."""
    for block in BLOCKS:
        assert block.language == "console" or not block.text.startswith("$ "), block
    for page in PAGES:
        assert not re.search(r"^ *```(sh|bash|shell|)\n[^`]*^ *\$ ", page.read_text(), re.MULTILINE), page


@of_language("yaml")
def test_yaml_is_what_it_says_it_is(block: Block) -> None:
    if block.title in SERVER_FILES | WORKFLOWS:
        return
    for manifest in yaml.safe_load_all(block.text):
        if block.title == "values.yaml":
            check_values(manifest)
        elif block.title in OURS:
            # A part of it: what it says must be right, what it leaves out may be missing.
            check(schema_of(block.title, partial=True), manifest)
        else:
            assert {"apiVersion", "kind", "metadata"} <= manifest.keys(), f"{block}: say in its title what it is"
            if manifest["kind"] in OURS:
                check(schema_of(manifest["kind"]), manifest)


def check_values(values: Any) -> None:
    """Check a part of the chart's values together with the rest of them."""
    chart = ROOT / "charts/wheelyard"
    check(
        json.loads((chart / "values.schema.json").read_text()),
        merged(yaml.safe_load((chart / "values.yaml").read_text()), values),
    )


def merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return new


def check(schema: Any, instance: Any) -> None:
    Draft202012Validator(schema).validate(instance)


def schema_of(kind: str, *, partial: bool = False) -> Any:
    crd = yaml.safe_load((ROOT / f"crds/wheelyard.dev_{OURS[kind]}.yaml").read_text())
    return strict(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], partial=partial)


def strict(schema: Any, *, partial: bool) -> Any:
    """Return the schema with unknown fields refused, as the API server does when asked to."""
    if isinstance(schema, list):
        return [strict(each, partial=partial) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: strict(value, partial=partial) for key, value in schema.items() if not (partial and key == "required")
    }
    if (
        isinstance(schema.get("properties"), dict)
        and schema.get("type") == "object"
        and "additionalProperties" not in schema
    ):
        found["additionalProperties"] = False
    return found


@pytest.mark.parametrize(
    ("title", "parse"),
    [
        ("index.yaml", settings.parse),
        ("access.yaml", access_file.parse),
        ("policy.yaml", parse_policy),
        ("sessions.yaml", session_file.parse),
    ],
)
def test_the_server_s_files_are_read(title: str, parse: Callable[[bytes], object]) -> None:
    """All blocks of a title are parts of one file."""
    whole: dict[str, Any] = {}
    for block in BLOCKS:
        if block.title == title:
            text = block.text
            for short, long in SHORTENED.items():
                text = text.replace(short, long)
            whole = merged(whole, yaml.safe_load(text))
    assert whole
    parse(msgspec.yaml.encode(whole))


SHORTENED = {"sha256:9f86d0...": f"sha256:{'9f86d0'.ljust(64, '0')}", 'n: "..."': f"n: {'A' * 342}"}
"""Values that would be too long to read."""


@of_language("json")
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@of_language("toml")
def test_toml_is_toml(block: Block) -> None:
    tomllib.loads(block.text)


def test_the_policy_for_aws_has_what_the_chart_says_the_operator_needs() -> None:
    (policy,) = [json.loads(each.text) for each in BLOCKS if each.title == "operator-policy.json"]
    written = {action for statement in policy["Statement"] for action in statement["Action"]}
    told = set(re.findall(r"`((?:s3|iam):\w+)`", (ROOT / "charts/wheelyard/README.md").read_text()))
    assert written == told


def test_the_policy_for_a_role_is_that_of_an_index_s_own_user() -> None:
    (written,) = [json.loads(each.text) for each in BLOCKS if each.title == "index-policy.json"]
    irsa, _ = yaml.safe_load_all((ROOT / "examples/aws-roles.yaml").read_text())
    irsa["metadata"]["uid"] = "as the API server gives it"
    storage = PackageIndex.parse(irsa).storage
    assert isinstance(storage, S3Storage)
    assert written == storage_policy(storage)

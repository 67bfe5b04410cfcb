"""`wheelyard policy plan`: tries a policy before it is merged."""

import argparse
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from wheelyard_server.commands import Subparsers, sentence
from wheelyard_server.commands.api_command import add_api_command
from wheelyard_server.commands.client import Client
from wheelyard_server.commands.fetches import coverage_as_text
from wheelyard_server.commands.lock_files import read_lock
from wheelyard_server.commands.text import counted, table
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.yaml_loaders import PlainWords

_PURPOSE = "show what a policy would change for files that are in use, before it is in force"
_EXIT_CODES = (
    "Exit codes: 0 if nothing that is used would be blocked, 1 if something would be or the command failed."
)
_COLUMNS = ("change", "project", "version", "filename", "fetches", "locked", "rule", "until")


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    purpose = "try a policy"
    group = commands.add_parser("policy", help=purpose, description=sentence(purpose))
    parsers = group.add_subparsers(required=True, metavar="COMMAND")
    parser = add_api_command(parsers, "plan", plan, _PURPOSE, shown)
    parser.set_defaults(exit_code=_exit_code)
    parser.description = f"{sentence(_PURPOSE)} {_EXIT_CODES}"
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="a policy.yaml, or the manifest of a PackageIndex",
    )
    parser.add_argument(
        "--lock",
        dest="locks",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="also check the releases of a uv.lock, poetry.lock, pylock.toml or requirements.txt",
    )
    parser.add_argument(
        "--days", type=int, default=30, metavar="N", help="files that were fetched in so many days (default: 30)"
    )


def _exit_code(answer: Any) -> int:
    return 1 if answer["blocked"] else 0


def plan(client: Client, arguments: argparse.Namespace) -> Any:
    """Return the plan."""
    releases = sorted(set(chain.from_iterable(map(read_lock, arguments.locks))))
    body = {
        "policy": policy_of(arguments.config),
        "releases": [each._asdict() for each in releases],
        "days": arguments.days,
    }
    return client.call("POST", "/policy/plan", body)


def policy_of(path: Path) -> str:
    """Return the policy file, or the one that a PackageIndex in a manifest results in."""
    text = path.read_text()
    try:
        documents = [each for each in yaml.load_all(text, PlainWords) if isinstance(each, dict)]
    except yaml.YAMLError as error:
        raise InvalidSettingsError(f"{path} is not YAML: {error}") from error
    indexes = [each for each in documents if each.get("kind") == "PackageIndex"]
    if not indexes:
        return text
    if len(indexes) > 1:
        raise InvalidSettingsError(f"{path} has {len(indexes)} PackageIndexes: give a file with one")
    return yaml.safe_dump(_policy_file(indexes[0].get("spec") or {}), sort_keys=False, allow_unicode=True)


def _policy_file(spec: dict[str, Any]) -> dict[str, Any]:
    # Consent to other namespaces is the operator's: servers never see it.
    policy = {name: value for name, value in (spec.get("policy") or {}).items() if name != "exceptionsFrom"}
    private = (spec.get("names") or {}).get("private") or []
    return {"names": {"private": private}, "policy": policy}


def shown(answer: Any) -> str:
    """Return the plan as text."""
    used = counted(answer["checked"], "used file", "used files")
    blocked = f"{answer['blocked']} of {used} would be blocked."
    head = blocked if answer["changes"] else f"Nothing would change for {used}."
    rows = [_row(change) for change in answer["changes"]]
    reasons = dict.fromkeys(change["after"]["reason"] for change in answer["changes"] if change["isBlocked"])
    parts = [head, table(_COLUMNS, rows) if rows else "", "\n".join(filter(None, reasons)), *_limits(answer)]
    return "\n\n".join(filter(None, parts))


def _row(change: Any) -> dict[str, Any]:
    after = change["after"]
    rule = after["rule"] or change["before"]["rule"] or ", ".join(after["reported"])
    name = {
        "change": _kind(change),
        "rule": rule,
        "until": after["until"],
        "locked": "yes" if change["isLocked"] else "",
    }
    return {**change, **name}


def _kind(change: Any) -> str:
    before, after = change["before"], change["after"]
    if change["isBlocked"]:
        return "BLOCKED"
    if before["isServed"] != after["isServed"]:
        return "permitted" if after["isServed"] else "refused"
    if before["isListed"] != after["isListed"]:
        return "listed" if after["isListed"] else "hidden"
    return "reported" if after["reported"] else "other rule"


def _limits(answer: Any) -> Iterable[str]:
    if answer["unknown"]:
        names = ", ".join(f"{each['project']}=={each['version']}" for each in answer["unknown"][:20])
        releases = counted(len(answer["unknown"]), "release is", "releases are")
        yield f"{releases} not known here, only rules about names were applied: {names}"
    if answer["omittedProjects"] or answer["omittedChanges"]:
        projects = counted(answer["omittedProjects"], "project", "projects")
        yield f"Left out: {projects} and {counted(answer['omittedChanges'], 'change', 'changes')}."
    yield "\n".join(coverage_as_text(answer["coverage"]))

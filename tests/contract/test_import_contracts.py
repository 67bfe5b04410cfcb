"""The import contracts of pyproject.toml leave no module of the server out."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.documents import ROOT
from wheelyard_server import storage

SERVER = "wheelyard_server"
S3 = {f"{SERVER}.storage.{name}" for name in ("s3", "s3_errors", "s3_streams")}
"""The modules that may import obstore."""

FOR_WEB = {
    "access": {
        "audit", "catalog_access", "guard", "known_readers", "listeners", "minting", "pending_logins", "readable",
        "rules", "sessions", "single_sign_on", "token_exchange", "upstreams_in_use",
    },
    "catalog": {
        "advisories.state", "quarantine",
        "contents.content", "contents.memory_cache", "counts", "edits", "event_loop_turns", "history",
        "inspection.metadata",
        "mirrors.shadows", "policy_file", "exposures", "fetches.answers", "plans", "fetches.fetch_log",
        "inspection.wording", "projects", "provenance.publishers", "publish",
        "scratch", "scratch_budget", "serials", "stored_project",
    },
}  # fmt: skip
"""Modules that web may import. No other one: it would get past the guard, or decide about rights itself."""
WORDS_FOR_WEB = {"rules": {"ANONYMOUS", "Method", "Verb"}, "minting": {"MintedToken"}}
"""Names that web may take from modules that decide."""


def forbidding(library: str) -> Iterator[set[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        if library in contract.get("forbidden_modules", ()):
            yield set(contract["source_modules"])


def modules() -> set[str]:
    """Return the modules of the server, those of a package as one but for the storage's."""
    root = ROOT / "indexserver" / SERVER
    names = {path.stem if path.is_file() else path.name for path in root.iterdir() if is_module(path)}
    found = {f"{SERVER}.{name}" for name in names - {"__init__", "storage"}}
    return found | {f"{SERVER}.storage.{path.stem}" for path in (root / "storage").glob("*.py")} - {
        f"{SERVER}.storage.__init__"
    }


def is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").exists()


def test_every_module_but_those_of_the_s3_storage_is_kept_from_obstore() -> None:
    assert modules() - set().union(*forbidding("obstore")) == S3


def imports_of_web() -> set[tuple[str, str]]:
    """Return the modules of the server that web imports, with the imported names."""
    found = set()
    for path in (ROOT / "indexserver" / SERVER / "web").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                found |= {(node.module, each.name) for each in node.names}
            elif isinstance(node, ast.Import):
                found |= {(each.name, "") for each in node.names}
    return found


@pytest.mark.parametrize("room", FOR_WEB)
def test_web_imports_only_the_modules_of_access_and_catalog_that_are_for_it(room: str) -> None:
    package = f"{SERVER}.{room}"
    inside = {(module.removeprefix(f"{package}."), name) for module, name in imports_of_web() if package in module}
    assert {name if module == package else module for module, name in inside} == FOR_WEB[room]
    for module, names in WORDS_FOR_WEB.items():
        assert {name for each, name in inside if each == module} <= names


def test_the_interface_of_storages_imports_no_library() -> None:
    tree = ast.parse(Path(storage.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"collections.abc", "datetime", "pathlib", "typing"}

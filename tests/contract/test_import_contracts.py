"""The import contracts of pyproject.toml leave no module of the server out."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

from support.documents import ROOT
from wheelyard_server import storage

SERVER = "wheelyard_server"
S3 = {f"{SERVER}.storage.{name}" for name in ("s3", "s3_errors", "s3_streams")}
"""The modules that may import obstore."""


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


def test_the_interface_of_storages_imports_no_library() -> None:
    tree = ast.parse(Path(storage.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"collections.abc", "datetime", "pathlib", "typing"}

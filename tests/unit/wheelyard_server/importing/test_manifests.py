from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from support.properties import given
from wheelyard_server.access.rules import Verb
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.importing.accounts import Account, Accounts, Right
from wheelyard_server.importing.manifests import Index, manifests, resource_names

CRDS = Path(__file__).parents[4] / "crds"
INDEX = Index("packages", "main")
READ = (Verb.READ,)
MANY = tuple(f"package-{number}" for number in range(601))


def schema(plural: str) -> Any:
    crd = yaml.safe_load((CRDS / f"wheelyard.dev_{plural}.yaml").read_text())
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def written(accounts: Accounts) -> dict[str, Any]:
    return {file.path: yaml.safe_load(file.text) for file in manifests(accounts, INDEX)}


ACCOUNTS = Accounts(
    (
        Account("Alice", "$6$hash", frozenset({"Dev Team"}), (Right(READ), Right(tuple(Verb), ("app",)))),
        Account("bot", ""),
    ),
    (("anonymous", Right(READ)), ("group:Dev Team", Right(READ, MANY[:120]))),
)


def test_an_imported_user_gets_a_manifest_and_a_secret() -> None:
    files = written(ACCOUNTS)
    assert files["users/alice.yaml"] == {
        "apiVersion": "wheelyard.dev/v1",
        "kind": "IndexUser",
        "metadata": {"name": "alice", "namespace": "packages"},
        "spec": {
            "indexRef": {"name": "main"},
            "groups": ["dev-team"],
            "grants": [
                {"packages": ["*"], "verbs": ["read"]},
                {"packages": ["app"], "verbs": ["read", "publish", "yank", "delete", "manage"]},
            ],
            "credentials": {"passwordSecretRef": {"name": "alice-password"}},
        },
    }
    assert files["passwords/alice.yaml"] == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "alice-password",
            "namespace": "packages",
            "labels": {"wheelyard.dev/user": "alice", "wheelyard.dev/index": "main"},
        },
        "type": "kubernetes.io/basic-auth",
        "stringData": {"username": "packages.alice", "passwordHash": "$6$hash"},
    }
    assert "passwords/bot.yaml" not in files
    assert files["kustomization.yaml"]["resources"] == [
        "users/alice.yaml",
        "users/bot.yaml",
        "passwords/alice.yaml",
    ]
    assert [file.path for file in manifests(ACCOUNTS, INDEX) if file.is_secret] == ["passwords/alice.yaml"]


def test_other_users_rights_fit_into_the_index() -> None:
    grants = written(ACCOUNTS)["packageindex-access.yaml"]["spec"]["access"]["grants"]
    assert grants[0] == {"subjects": ["anonymous"], "packages": ["*"], "verbs": ["read"]}
    assert [(grant["subjects"], len(grant["packages"])) for grant in grants[1:]] == [
        (["group:dev-team"], 50),
        (["group:dev-team"], 50),
        (["group:dev-team"], 20),
    ]


def test_the_resources_take_what_is_written() -> None:
    files = written(ACCOUNTS)
    user = Draft202012Validator(schema("indexusers"))
    for path in ("users/alice.yaml", "users/bot.yaml"):
        user.validate(files[path])
    access = schema("packageindexes")["properties"]["spec"]["properties"]["access"]
    Draft202012Validator(access).validate(files["packageindex-access.yaml"]["spec"]["access"])


LONG = tuple(f"{number}".ljust(100, "x") for number in range(200))


@pytest.mark.parametrize(
    ("accounts", "says"),
    [
        (
            Accounts((Account("a", "", frozenset(), (Right(READ, MANY),)),)),
            "a has permissions on too many single packages",
        ),
        (
            Accounts((Account("a", "", frozenset(), (Right(READ, LONG[:130]),)),)),
            "a has permissions on too many single packages",
        ),
        (
            Accounts((), tuple((f"group:g{number}", Right(READ, LONG[:50])) for number in range(7))),
            "Groups have permissions on too many single packages",
        ),
        (
            Accounts((), tuple(("group:x", Right(READ, (name,))) for name in MANY[:51])),
            "51 grants, but an index allows 50",
        ),
    ],
)
def test_an_account_that_does_not_fit_is_reported(accounts: Accounts, says: str) -> None:
    with pytest.raises(InvalidSettingsError, match=says):
        manifests(accounts, INDEX)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["alice"], {"alice": "alice"}),
        (["Alice@acme.com"], {"Alice@acme.com": "alice-acme.com"}),
        (["alice", "Alice"], {"alice": "alice", "Alice": "alice-3bc51062"}),
        (["a..b", ".c.", "-d-"], {"a..b": "a.b", ".c.": "c", "-d-": "d"}),
    ],
)
def test_names(names: list[str], expected: dict[str, str]) -> None:
    assert resource_names(names) == expected


@given(st.lists(st.text(max_size=80), unique=True))
def test_names_are_those_of_resources_and_no_two_are_alike(names: list[str]) -> None:
    found = resource_names(names)
    assert len(set(found.values())) == len(names)
    for name in found.values():
        assert len(name) <= 63
        assert all(part and part.strip("-") == part for part in name.split("."))
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")

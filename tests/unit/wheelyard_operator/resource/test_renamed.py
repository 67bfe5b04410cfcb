from typing import Any

import pytest

from unit.wheelyard_operator.fakes import index_body, user_body
from wheelyard_operator.resource import IndexUser, PackageIndex


def names(resource: PackageIndex | IndexUser) -> list[str]:
    return [each.new for each in resource.renamed]


@pytest.mark.parametrize(
    ("freshness", "renamed"),
    [
        ({}, []),
        ({"fresh": "30s", "stale": "10m"}, []),
        ({"freshSeconds": 0, "staleSeconds": 3600}, []),
        ({"freshSeconds": 0, "fresh": "30s"}, []),
        ({"freshSeconds": 30}, ["spec.freshness.fresh"]),
        ({"freshSeconds": 30, "fresh": "30s"}, ["spec.freshness.fresh"]),
        ({"freshSeconds": 30, "staleSeconds": 0}, ["spec.freshness.fresh", "spec.freshness.stale"]),
    ],
)
def test_an_index_knows_which_fields_it_has_under_old_names(freshness: Any, renamed: list[str]) -> None:
    assert names(PackageIndex.parse(index_body(spec={"freshness": freshness}))) == renamed


def test_old_names_are_never_read() -> None:
    old = PackageIndex.parse(index_body(spec={"freshness": {"freshSeconds": 30, "staleSeconds": 60}}))
    assert old.serving == PackageIndex.parse(index_body()).serving
    assert not IndexUser.parse(user_body(credentials={"url": "External"})).is_external


@pytest.mark.parametrize(
    ("credentials", "renamed"),
    [
        ({}, []),
        ({"url": "Internal"}, []),
        ({"listener": "External"}, []),
        ({"url": "External"}, ["spec.credentials.listener"]),
    ],
)
def test_a_user_knows_which_fields_it_has_under_old_names(credentials: Any, renamed: list[str]) -> None:
    assert names(IndexUser.parse(user_body(credentials=credentials))) == renamed

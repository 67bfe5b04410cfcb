from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import SETTINGS, an_index, given, s3_of
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.claims import check_claims
from wheelyard_operator.resource import PackageIndex

OLDER = "2026-01-01T00:00:00Z"


def reason(index: PackageIndex, *others: PackageIndex, **settings: Any) -> str:
    try:
        check_claims(index, s3_of(index), others, replace(SETTINGS, **settings))
    except Problem as problem:
        return problem.reason
    return ""


@pytest.mark.parametrize(
    ("mine", "theirs", "in_use"),
    [
        ("", "", True),
        ("team/", "", True),
        ("", "team/", True),
        ("team/", "team/a/", True),
        ("team/", "team2/", False),
        ("a/", "b/", False),
    ],
)
def test_the_older_index_keeps_its_place(mine: str, theirs: str, *, in_use: bool) -> None:
    young = an_index(s3__prefix=mine)
    old = an_index("old", s3__prefix=theirs, created=OLDER)
    assert reason(young, old) == ("StorageInUse" if in_use else "")
    assert reason(old, young) == ""


def test_the_message_names_the_other() -> None:
    with pytest.raises(Problem, match="Index else/old"):
        check_claims(an_index(), s3_of(an_index()), [an_index("old", "else", created=OLDER)], SETTINGS)


def test_a_volume_is_in_nobodys_way() -> None:
    assert reason(an_index(), an_index("old", storage={"volume": {"size": "1Gi"}}, created=OLDER)) == ""


def test_of_the_same_second_the_uid_decides() -> None:
    a, b = an_index(uid="a"), an_index("b", uid="b")
    assert (reason(a, b), reason(b, a)) == ("", "StorageInUse")


def test_other_places_do_not_matter() -> None:
    assert reason(an_index(), an_index("old", s3__bucket="other", created=OLDER)) == ""
    far = an_index("old", s3__endpoint="https://far", created=OLDER)
    assert reason(an_index(), far) == ""
    assert reason(an_index(), far, s3_endpoint="https://far") == "StorageInUse"


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("", ""),
        ("https://allowed", ""),
        ("https://ALLOWED/", ""),
        ("http://s3:7070", ""),
        ("http://169.254.169.254", "EndpointNotAllowed"),
        ("https://allowed.evil", "EndpointNotAllowed"),
    ],
)
def test_endpoints(endpoint: str, expected: str) -> None:
    index = an_index(s3__endpoint=endpoint, **given())
    settings = {"allowed_endpoints": ("https://allowed",), "s3_endpoint": "http://s3:7070"}
    assert reason(index, **settings) == expected


def test_nothing_is_provisioned_elsewhere() -> None:
    assert reason(an_index(s3__endpoint="https://a"), allowed_endpoints=("https://a",)) == "EndpointNotAllowed"


def test_only_allowed_buckets_are_unlocked() -> None:
    assert reason(an_index(), allowed_buckets=("pypi-*",)) == "BucketNotAllowed"
    assert reason(an_index(s3__bucket="pypi-a"), allowed_buckets=("pypi-*",)) == ""
    assert reason(an_index(**given()), allowed_buckets=("pypi-*",)) == ""


ARN = "arn:aws:iam::1:role/pypi"


@pytest.mark.parametrize(
    ("annotations", "allowed", "expected"),
    [
        ({"eks.amazonaws.com/role-arn": ARN}, SETTINGS.allowed_annotations, ""),
        ({"iam.gke.io/gcp-service-account": "a@b"}, SETTINGS.allowed_annotations, ""),
        (
            {"serviceaccounts.openshift.io/oauth-redirecturi.x": "https://x"},
            SETTINGS.allowed_annotations,
            "NotAllowed",
        ),
        ({"eks.amazonaws.com/role-arn": ARN}, ("eks.amazonaws.com/role-arn=arn:aws:iam::1:role/p*",), ""),
        ({"eks.amazonaws.com/role-arn": ARN}, ("eks.amazonaws.com/role-arn=arn:aws:iam::2:*",), "NotAllowed"),
        ({"eks.amazonaws.com/role-arn": ARN}, (), "NotAllowed"),
        ({}, (), ""),
    ],
)
def test_only_roles_that_the_platform_team_allows(
    annotations: dict[str, str], allowed: tuple[str, ...], expected: str
) -> None:
    index = an_index(s3__provision={}, s3__credentials={"serviceAccount": {"annotations": annotations}})
    assert reason(index, allowed_annotations=allowed).removeprefix("Annotation") == expected

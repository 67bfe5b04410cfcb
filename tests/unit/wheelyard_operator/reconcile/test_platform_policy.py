from dataclasses import replace
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import SETTINGS, an_index, own_credentials, s3_of
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.platform_policy import bucket_problem, check_policy
from wheelyard_operator.resource import PackageIndex


def reason(index: PackageIndex, **settings: Any) -> str:
    changed = replace(SETTINGS, **settings)
    try:
        check_policy(s3_of(index), changed)
    except Problem as problem:
        return problem.reason
    problem_of_bucket = bucket_problem(index, s3_of(index), changed)
    return problem_of_bucket.reason if problem_of_bucket else ""


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
def test_the_endpoint_follows_the_settings(endpoint: str, expected: str) -> None:
    index = an_index(s3__endpoint=endpoint, **own_credentials())
    settings = {"allowed_endpoints": ("https://allowed",), "s3_endpoint": "http://s3:7070"}
    assert reason(index, **settings) == expected


def test_nothing_is_provisioned_elsewhere() -> None:
    assert reason(an_index(s3__endpoint="https://a"), allowed_endpoints=("https://a",)) == "EndpointNotAllowed"


def test_only_allowed_buckets_are_unlocked() -> None:
    assert reason(an_index(), allowed_buckets=("pypi-*",)) == "BucketNotAllowed"
    assert reason(an_index(s3__bucket="pypi-a"), allowed_buckets=("pypi-*",)) == ""
    assert reason(an_index(**own_credentials()), allowed_buckets=("pypi-*",)) == ""
    assert reason(an_index(), allowed_buckets=()) == "BucketNotAllowed"
    assert reason(an_index(s3__provision={"bucket": True}, s3__credentials={}), allowed_buckets=()) != ""


def test_a_message_names_no_bucket_of_others() -> None:
    index, allowed = an_index(), ("payroll-*", "team-b-packages", "{namespace}-*")
    problem = bucket_problem(index, s3_of(index), replace(SETTINGS, allowed_buckets=allowed))
    assert problem is not None
    assert "packages-*" in problem.message
    assert not [each for each in ("payroll", "team-b") if each in problem.message]


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

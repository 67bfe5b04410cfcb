from typing import Any

import pytest

from unit.wheelyard_operator.fakes import SETTINGS, an_index, own_credentials, s3_of
from wheelyard_operator.reconcile.storage_steps import (
    CheckLocation,
    CreateBucket,
    KeepAccessKey,
    RequireLocation,
    storage_steps,
)
from wheelyard_operator.settings import Settings

ROLE: dict[str, Any] = {"s3__credentials": {"serviceAccount": {}}}
BUCKET, USER = {"bucket": True}, {"user": True}


def steps(settings: Settings = SETTINGS, **changes: Any) -> tuple[Any, ...]:
    index = an_index(**changes)
    return storage_steps(index, s3_of(index), settings)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (CreateBucket(), CheckLocation(), KeepAccessKey())),
        ({"s3__provision": USER}, (CheckLocation(), KeepAccessKey())),
        ({"s3__provision": BUCKET, **ROLE}, (CreateBucket(), CheckLocation())),
        (own_credentials(), (CheckLocation(),)),
        ({"s3__provision": {}, **ROLE}, ()),
    ],
)
def test_the_location_is_checked_before_there_is_a_key(changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert steps(**changes) == expected


def test_a_bucket_that_is_not_allowed_is_never_created() -> None:
    first, *others = steps(Settings(image="unused:1"))
    assert isinstance(first, RequireLocation)
    assert first.refusal.reason == "BucketNotAllowed"
    assert others == [CheckLocation(), KeepAccessKey()]

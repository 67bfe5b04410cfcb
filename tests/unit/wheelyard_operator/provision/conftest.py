from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from unit.wheelyard_operator.fakes import SETTINGS
from wheelyard_operator.provision.clients import Clients

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield Clients(SETTINGS)


@pytest.fixture
def s3(clients: Clients) -> "S3Client":
    return clients.own_s3("us-east-1")


@pytest.fixture
def iam(clients: Clients) -> "IAMClient":
    return clients.iam

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.errors import translated


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"RequestId": "r1"}}, "X")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "condition", "reason", "stalled"),
    [
        (refused("InvalidAccessKeyId"), "CredentialsReady", "WrongCredentials", True),
        (refused("SignatureDoesNotMatch"), "CredentialsReady", "WrongCredentials", True),
        (refused("AccessDenied"), "StorageReady", "AccessDenied", True),
        (refused("NoSuchBucket"), "StorageReady", "BucketNotFound", True),
        (refused("PermanentRedirect"), "StorageReady", "WrongRegion", True),
        (refused("SlowDown"), "StorageReady", "RequestFailed", False),
        (NoCredentialsError(), "CredentialsReady", "OperatorCredentialsMissing", True),
        (EndpointConnectionError(endpoint_url="http://x"), "StorageReady", "EndpointUnreachable", False),
        (ReadTimeoutError(endpoint_url="http://x"), "StorageReady", "EndpointUnreachable", False),
    ],
)
def test_errors_of_aws_become_reasons_with_advice(
    error: Exception, condition: str, reason: str, *, stalled: bool
) -> None:
    with pytest.raises(Problem) as caught, translated("StorageReady", "Bucket acme", "The keys in Secret x"):
        raise error
    problem = caught.value
    assert (problem.condition, problem.reason, problem.stalled) == (condition, reason, stalled)
    assert "Bucket acme" in problem.message
    assert "r1" not in problem.message

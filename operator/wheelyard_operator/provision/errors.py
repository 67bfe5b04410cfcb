"""Translates errors of S3 and IAM into problems that say what to do."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from wheelyard_operator.condition_types import CREDENTIALS_READY
from wheelyard_operator.problems import Problem

log = logging.getLogger(__name__)

OPERATOR_CREDENTIALS = "The operator's own AWS credentials"
UNREACHABLE = "EndpointUnreachable"
"""The only reason that is about a server, and not about the request."""

_WRONG_KEY = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidClientTokenId",
    "InvalidToken",
    "ExpiredToken",
    "UnrecognizedClientException",
}
_WRONG_REGION = {
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "403", "Forbidden", "AllAccessDisabled"}
_NO_BUCKET = {"NoSuchBucket", "404", "NotFound"}


@contextmanager
def translated(condition: str, what: str, credentials: str) -> Iterator[None]:
    """Raise Problem instead of boto3's errors.

    `what` names the subject of the requests ("bucket acme"), and `credentials` their credentials
    ("The keys in Secret x").
    """
    try:
        yield
    except ClientError as error:
        log.info("%s, with %s: %s", what, credentials, error)
        raise _refused(condition, what, credentials, error_code(error)) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Problem(
            CREDENTIALS_READY,
            "OperatorCredentialsMissing",
            f"The operator has no AWS credentials for {what}: set aws.credentialsSecret of its Helm chart"
            " or give its ServiceAccount a role.",
        ) from error
    except (ConnectionError, HTTPClientError) as error:
        log.info("%s: %s", what, error)
        raise unreachable(condition, what) from error
    except BotoCoreError as error:
        log.info("%s: %s", what, error)
        raise Problem(
            condition,
            "RequestFailed",
            f"{what} cannot be requested ({type(error).__name__}): check bucket, region and endpoint.",
        ) from error


def unreachable(condition: str, what: str) -> Problem:
    """Return the problem that a server does not answer."""
    return Problem(
        condition,
        UNREACHABLE,
        f"The endpoint of {what} does not answer: check that it is up, its address, and network policies. The"
        " operator retries.",
        stalled=False,
    )


def error_code(error: ClientError) -> str:
    """Return the error code of S3 or IAM."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _refused(condition: str, what: str, credentials: str, code: str) -> Problem:
    if code in _WRONG_KEY:
        return Problem(
            CREDENTIALS_READY,
            "WrongCredentials",
            f"{credentials} are not accepted for {what} ({code}): put a valid access key there.",
        )
    if code in _DENIED:
        return Problem(
            condition,
            "AccessDenied",
            f"{credentials} may not use {what} ({code}): allow s3:ListBucket on the bucket and"
            " s3:GetObject, s3:PutObject, s3:DeleteObject below its prefix; the operator's own"
            " credentials also need the permissions in the chart's README.",
        )
    if code in _NO_BUCKET:
        return Problem(
            condition,
            "BucketNotFound",
            f"{what} does not exist: create it, or set spec.storage.s3.provision.bucket to true.",
        )
    if code in _WRONG_REGION:
        return Problem(
            condition,
            "WrongRegion",
            f"{what} is in another region ({code}): set spec.storage.s3.region to the bucket's.",
        )
    return Problem(
        condition,
        "RequestFailed",
        f"{what} answers {code}: see the operator's log. The operator retries.",
        stalled=False,
    )

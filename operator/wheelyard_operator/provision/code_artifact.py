"""Fetches tokens of AWS CodeArtifact, with an index's own key or with a role that its owner names.

https://docs.aws.amazon.com/codeartifact/latest/ug/tokens-authentication.html
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from wheelyard_operator.condition_types import UPSTREAMS_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.clients import Clients, Credentials
from wheelyard_operator.provision.errors import error_code, unreachable
from wheelyard_operator.resource import CodeArtifact
from wheelyard_operator.times import rfc3339

log = logging.getLogger(__name__)

_TOKEN_SECONDS = 43_200
"""The longest that AWS allows. It may be longer than the session of a role."""
_SESSION_SECONDS = 900
_MAX_SESSION_NAME = 64
_DENIED = {"AccessDenied", "AccessDeniedException"}


@dataclass(frozen=True)
class Token:
    """A token for all repositories of a domain."""

    secret: str
    expires: str
    """RFC 3339."""


class TokenSource(Protocol):
    """Fetches tokens. Every method raises Problem."""

    def check_region(self, domain: CodeArtifact) -> None:
        """Check that the domain's region has CodeArtifact, without a request."""

    def with_key(self, domain: CodeArtifact, key: Credentials) -> Token:
        """Return a token, fetched with an index's own access key."""

    def with_role(self, domain: CodeArtifact, external_id: str) -> Token:
        """Return a token, fetched with the domain's role, which must demand the external ID."""


class CodeArtifactTokens:
    """The real source. The operator's own credentials only assume roles, and never fetch a token."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def with_key(self, domain: CodeArtifact, key: Credentials) -> Token:
        """See `TokenSource.with_key`."""
        with _translated(f"CodeArtifact domain {domain.domain}", "the index's access key"):
            client = self._clients.code_artifact(key, domain.region)
            answer = client.get_authorization_token(
                domain=domain.domain, domainOwner=domain.domain_owner, durationSeconds=_TOKEN_SECONDS
            )
            return Token(answer["authorizationToken"], rfc3339(answer["expiration"]))

    def check_region(self, domain: CodeArtifact) -> None:
        """See `TokenSource.check_region`."""
        if not self._clients.has_code_artifact(domain.region):
            raise Problem(
                UPSTREAMS_READY,
                "RegionUnknown",
                f"AWS has no CodeArtifact in region {domain.region}: correct region.",
            )

    def with_role(self, domain: CodeArtifact, external_id: str) -> Token:
        """See `TokenSource.with_role`."""
        if self._assume(domain, "") is not None:
            raise Problem(
                UPSTREAMS_READY,
                "RoleWithoutExternalID",
                f"role {domain.role_arn} can be assumed without an ExternalId, so any index could use it: add"
                f' the condition StringEquals sts:ExternalId "{external_id}" to its trust policy.',
            )
        session = self._assume(domain, external_id)
        if session is None:
            raise Problem(
                UPSTREAMS_READY,
                "RoleRefused",
                f"the operator may not assume role {domain.role_arn}: its trust policy must allow the operator's"
                f' own role sts:AssumeRole if sts:ExternalId is "{external_id}", and the operator\'s role must'
                " allow sts:AssumeRole on it.",
            )
        return self.with_key(domain, session)

    def _assume(self, domain: CodeArtifact, external_id: str) -> Credentials | None:
        """Return the credentials of the role, None if AWS refuses."""
        with _translated(f"role {domain.role_arn}", "the operator's own credentials"):
            try:
                answer = self._clients.sts(domain.region).assume_role(
                    RoleArn=domain.role_arn,
                    RoleSessionName=f"wheelyard-{external_id.replace('/', '.')}"[:_MAX_SESSION_NAME],
                    DurationSeconds=_SESSION_SECONDS,
                    **({"ExternalId": external_id} if external_id else {}),
                )
            except ClientError as error:
                if error_code(error) in _DENIED:
                    return None
                raise
        made = answer["Credentials"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


@contextmanager
def _translated(what: str, credentials: str) -> Iterator[None]:
    """Raise Problem instead of boto3's errors. What AWS says goes to the log alone: it has request IDs."""
    try:
        yield
    except ClientError as error:
        log.info("%s, with %s: %s", what, credentials, error)
        raise _refused(what, credentials, error_code(error)) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Problem(
            UPSTREAMS_READY,
            "OperatorCredentialsMissing",
            f"the operator has no AWS credentials for {what}: set aws.credentialsSecret of its Helm chart or give"
            " its ServiceAccount a role.",
        ) from error
    except BotoCoreError as error:
        log.info("%s: %s", what, error)
        raise unreachable(UPSTREAMS_READY, what) from error


def _refused(what: str, credentials: str, code: str) -> Problem:
    if code in _DENIED:
        advice = (
            "allow codeartifact:GetAuthorizationToken on the domain, codeartifact:ReadFromRepository on the"
            " repository, and sts:GetServiceBearerToken."
        )
    elif code == "ResourceNotFoundException":
        advice = "check domain, domainOwner and region."
    else:
        advice = "check domain, domainOwner, region and the credentials. The operator retries."
    return Problem(UPSTREAMS_READY, "TokenRefused", f"{what} gives {credentials} no token ({code}): {advice}")

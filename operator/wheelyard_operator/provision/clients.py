"""Creates boto3 clients that give up early: reconciliations are retried anyway."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.httpsession import DEFAULT_CA_BUNDLE, get_cert_path
from botocore.loaders import Loader, create_loader

from wheelyard_operator.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client

_LIMITS = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=16,
    user_agent_extra="wheelyard-operator",
)
_MAX_REGIONS = 16
# Virtual-host addressing needs a DNS name per bucket, which servers other than AWS seldom have.
_PATH_STYLE = Config(s3={"addressing_style": "path"})


@dataclass(frozen=True)
class Credentials:
    """An access key that a team gave to its index."""

    key_id: str
    secret: str
    session_token: str = ""


class Clients:
    """Creates clients; those with the operator's own credentials are kept and shared by threads."""

    def __init__(self, settings: Settings, made: Callable[[Any], None] = lambda _: None) -> None:
        """Take a function to call with each new client."""
        self._settings = settings
        self._made = made
        self._making = threading.Lock()
        self._own_s3: dict[str, S3Client] = {}
        # With None, boto3 decides which authorities to trust.
        self._verify = _authorities(settings.ca_bundle).name if settings.ca_bundle else None

    def own_s3(self, region: str) -> "S3Client":
        """Return a client with the operator's own credentials at the operator's own endpoint."""
        with self._making:
            if region in self._own_s3:
                return self._own_s3[region]
            session = new_session()
            client = self._s3(session, self._settings.s3_endpoint, region)
            # A client without credentials would never look for them again; and a region is free
            # text.
            if session.get_credentials() is not None:
                if len(self._own_s3) >= _MAX_REGIONS:
                    self._own_s3.clear()
                self._own_s3[region] = client
            return client

    def s3(self, credentials: Credentials, endpoint: str, region: str) -> "S3Client":
        """Return a client with an index's credentials, never with the operator's."""
        with self._making:
            session = new_session(
                aws_access_key_id=credentials.key_id,
                aws_secret_access_key=credentials.secret,
                aws_session_token=credentials.session_token or None,
            )
            return self._s3(session, endpoint or self._settings.s3_endpoint, region)

    @cached_property
    def iam(self) -> "IAMClient":
        """Return a client with the operator's own credentials."""
        with self._making:
            client = new_session().client(
                "iam",
                region_name=self._settings.region,
                endpoint_url=self._settings.iam_endpoint or None,
                verify=self._verify,
                config=_LIMITS,
            )
        self._made(client)
        return client

    def has_code_artifact(self, region: str) -> bool:
        """Return whether CodeArtifact is in a region: a tenant writes it, and calls elsewhere only time out."""
        return region in _code_artifact_regions()

    def sts(self, region: str) -> Any:
        """Return a client with the operator's own credentials, to assume roles that indexes name."""
        with self._making:
            client = new_session().client("sts", region_name=region, verify=self._verify, config=_LIMITS)
        self._made(client)
        return client

    def code_artifact(self, credentials: Credentials, region: str) -> Any:
        """Return a client with an index's credentials, never with the operator's."""
        with self._making:
            session = new_session(
                aws_access_key_id=credentials.key_id,
                aws_secret_access_key=credentials.secret,
                aws_session_token=credentials.session_token or None,
            )
            client = session.client("codeartifact", region_name=region, verify=self._verify, config=_LIMITS)
        self._made(client)
        return client

    def _s3(self, session: boto3.Session, endpoint: str, region: str) -> "S3Client":
        client = session.client(
            "s3",
            region_name=region or self._settings.region,
            endpoint_url=endpoint or None,
            verify=self._verify,
            config=_LIMITS.merge(_PATH_STYLE) if endpoint else _LIMITS,
        )
        self._made(client)
        return client


def new_session(**credentials: str | None) -> boto3.Session:
    """Return a session of its own, which looks for credentials if none are given."""
    core = botocore.session.get_session()
    session = boto3.Session(botocore_session=core, **credentials)
    core.register_component("data_loader", _service_models())
    return session


@cache
def _code_artifact_regions() -> frozenset[str]:
    return frozenset(new_session().get_available_regions("codeartifact"))


@cache
def _service_models() -> Loader:
    """Return the loader of AWS's service models.

    It parses megabytes of JSON once, not once for each session.
    """
    return create_loader(botocore.session.get_session().get_config_variable("data_path"))


@cache
def _authorities(bundle: str) -> IO[str]:
    """Write a file with the public authorities and these: boto3 takes one file instead of its own.

    It exists as long as the process: a client reads it at each connection.
    """
    file = NamedTemporaryFile("w", prefix="authorities-", suffix=".pem")  # noqa: SIM115
    file.write(f"{Path(get_cert_path(True) or DEFAULT_CA_BUNDLE).read_text()}\n{bundle}\n")
    file.flush()
    return file

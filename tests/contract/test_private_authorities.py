"""Servers whose certificates are signed by a company's own authorities: the same bundle for both programs."""

import json
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import boto3
import msgspec
import pytest
import yaml
from botocore.exceptions import SSLError

from cluster.versitygw import S3Server
from support.tls import Tls, tls
from unit.wheelyard_operator.fakes import RSA_KEY, an_index
from wheelyard_operator.__main__ import sessions
from wheelyard_operator.desired.index_file import index_file
from wheelyard_operator.process.calls import Calls
from wheelyard_operator.process.leadership import Alone
from wheelyard_operator.process.metrics import Metrics
from wheelyard_operator.provision.clients import Clients, Credentials
from wheelyard_operator.provision.issuer_answers import IssuerError
from wheelyard_operator.provision.issuers import Web
from wheelyard_operator.settings import Settings
from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.settings import S3
from wheelyard_server.storage import s3


@dataclass(frozen=True)
class Company:
    """S3 and IAM behind TLS, each with an authority of its own."""

    s3: Tls
    iam: Tls
    bundle: str

    def settings(self, bundle: str) -> Settings:
        """Return the operator's settings."""
        return Settings.from_environment(
            {
                "WHEELYARD_IMAGE": "none",
                "WHEELYARD_CA_BUNDLE": bundle,
                "AWS_ENDPOINT_URL_S3": self.s3.url,
                "AWS_ENDPOINT_URL_IAM": self.iam.url,
            }
        )


@pytest.fixture
def company(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("s3", "iam"):
        (tmp_path / name).mkdir()
    with tls(s3_server.endpoint, tmp_path / "s3") as s3_door, tls(s3_server.iam_endpoint, tmp_path / "iam") as iam:
        bundle = "".join(each.certificate.read_text() for each in (s3_door, iam))
        yield Company(s3_door, iam, f"# of \u00c4cme Ltd\n{bundle}")


async def test_an_index_server_trusts_whom_the_operator_says(company: Company, bucket_names: Iterator[str]) -> None:
    bucket = next(bucket_names)
    boto3.client("s3").create_bucket(Bucket=bucket)
    for bundle, reaches_it in ((company.bundle, True), ("", False)):
        written = index_file(an_index(s3__bucket=bucket), company.settings(bundle))
        storage = s3.connect(msgspec.convert(yaml.safe_load(written)["storage"]["s3"], S3))
        if reaches_it:
            etag = await storage.write("a", b"one", expected=None)
            assert await storage.read("a") == (b"one", etag)
        else:
            with pytest.raises(StorageUnavailableError):
                await storage.read("a")


def test_the_operator_trusts_them_for_s3_and_iam(company: Company) -> None:
    clients = Clients(company.settings(company.bundle))
    given = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    assert clients.own_s3("us-east-1").list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert (
        clients.s3(given, company.s3.url, "us-east-1").list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200
    )
    assert "Users" in clients.iam.list_users()


def test_no_private_authority_is_trusted_by_default(company: Company) -> None:
    clients = Clients(company.settings(""))
    for ask in (clients.own_s3("us-east-1").list_buckets, clients.iam.list_users):
        with pytest.raises(SSLError):
            ask()


def test_public_authorities_are_trusted_as_well(company: Company) -> None:
    clients = Clients(company.settings(company.bundle))
    file = vars(clients.own_s3("us-east-1"))["_endpoint"].http_session._verify
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted.load_verify_locations(file)
    assert len(trusted.get_ca_certs()) > 50


def test_the_operator_trusts_them_for_issuers(tmp_path: Path) -> None:
    (tmp_path / "document").write_text('{"issuer": "acme"}')
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        with tls(f"http://127.0.0.1:{server.server_port}", tmp_path) as door:
            assert Web(door.certificate.read_text())(f"{door.url}/document") == {"issuer": "acme"}
            with pytest.raises(IssuerError, match="SSLError"):
                Web()(f"{door.url}/document")
        server.shutdown()


def test_each_index_trusts_its_provider_with_its_own_bundle(tmp_path: Path) -> None:
    """The connections are those of the real operator; an authority of one index is none of another."""
    providers = sessions(Calls(Alone(), Metrics(), lambda: None), Settings(image="none")).providers
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        with tls(f"http://127.0.0.1:{server.server_port}", tmp_path) as door:
            _provide(tmp_path, door.url)
            bundle = f"# of \u00c4cme Ltd\n{door.certificate.read_text()}"
            assert providers.of(door.url, bundle).token_endpoint == f"{door.url}/token"
            with pytest.raises(IssuerError, match="SSLError"):
                providers.of(door.url, "")
        server.shutdown()


def _provide(folder: Path, url: str) -> None:
    """Write what a provider at this URL answers."""
    (folder / ".well-known").mkdir()
    document = {
        "issuer": url,
        "authorization_endpoint": f"{url}/auth",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/keys",
    }
    (folder / ".well-known/openid-configuration").write_text(json.dumps(document))
    (folder / "keys").write_text(json.dumps({"keys": [RSA_KEY]}))


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files, and says nothing about it."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library calls
        """Log nothing."""

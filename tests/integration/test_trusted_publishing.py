"""CI jobs publish without a stored secret: real clients, a real issuer, keys as the operator fetches them."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.command import Done, output, run, succeed
from clients.environments import TWINE, UV
from support import distributions
from support.ci_service import CIService, ci_service
from support.issuers import AUDIENCE
from support.patience import HANG_SECONDS
from support.server import Server, running
from support.tls import Tls, tls
from wheelyard_operator.desired.access_file import AcceptedUser, TrustedIssuers, access_file
from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.provision.issuer_answers import IssuerError
from wheelyard_operator.provision.issuers import Issuers, Web
from wheelyard_operator.resource import API_VERSION, IndexUser, PackageIndex
from wheelyard_operator.resource.rights import rights
from wheelyard_server.access.access_file import parse


@pytest.fixture(scope="module")
def ci() -> Iterator[CIService]:
    with ci_service(repository="acme/app", sub="repo:acme/app:ref:refs/heads/main") as service:
        yield service


def access(ci: CIService) -> bytes:
    """Return what the operator writes for an index with one user, whom jobs of acme/app are."""
    metadata = {"namespace": "packages", "uid": "1"}
    index = PackageIndex.parse(
        {
            "apiVersion": API_VERSION,
            "kind": "PackageIndex",
            "metadata": {"name": "main", **metadata},
            "spec": {"storage": {"s3": {"bucket": "acme"}}},
        }
    )
    user = IndexUser.parse(
        {
            "apiVersion": API_VERSION,
            "kind": "IndexUser",
            "metadata": {"name": "release", **metadata},
            "spec": {
                "indexRef": {"name": "main"},
                "grants": [{"packages": ["acme-*"], "verbs": ["read", "publish"]}],
                "credentials": {"token": False},
                "trustedPublishers": [{"oidc": {"issuer": ci.url, "claims": {"repository": "acme/app"}}}],
            },
        }
    )
    issuer = Issuers(Web(), lambda _: {}).of_web(ci.url)
    key = base64.urlsafe_b64encode(bytes(range(32))).decode()
    trust = TrustedIssuers(keys=((issuer.name, issuer.keys),), minting_key=key, publishers=frozenset({issuer.name}))
    return access_file(index, [AcceptedUser(user, rights(index, user), Credentials())], trust).encode()


@pytest.fixture(scope="module")
def index(ci: CIService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("index")
    with running(home / "server", {"folder": {"path": str(home / "data")}}, access=parse(access(ci))) as server:
        yield server


@pytest.fixture(scope="module")
def outside(index: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """End TLS in front of the index: uv asks for the audience over nothing else."""
    with tls(index.external_url, tmp_path_factory.mktemp("tls")) as proxy:
        yield proxy


def uv_publish(outside: Tls, wheel: Path, job: dict[str, str]) -> Done:
    publish = (UV, "publish", "--trusted-publishing", "always", "--publish-url", f"{outside.url}/legacy/", wheel)
    return run(*publish, cwd=wheel.parent, variables={"SSL_CERT_FILE": str(outside.certificate), **job})


def gitlab(token: str) -> dict[str, str]:
    """Return the environment of a job of GitLab CI with `id_tokens` for the index."""
    name = "".join(char.upper() if char.isalnum() else "_" for char in AUDIENCE)
    return {"GITLAB_CI": "true", f"{name}_ID_TOKEN": token}


def files(index: Server) -> set[str]:
    """Return all published files of acme's projects, as the job's user sees them."""
    data = index.access_file.parents[1] / "data/projects"
    return {file["filename"] for path in data.glob("*.json") for file in json.loads(path.read_bytes())["files"]}


def test_uv_publishes_from_github_actions(index: Server, outside: Tls, ci: CIService, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path, "acme_github")
    done = uv_publish(outside, wheel, ci.job(AUDIENCE))
    assert done.returncode == 0, output(done)
    assert wheel.name in files(index)


def test_uv_publishes_from_gitlab_ci(index: Server, outside: Tls, ci: CIService, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path, "acme_gitlab")
    done = uv_publish(outside, wheel, gitlab(ci.issuer.sign()))
    assert done.returncode == 0, output(done)
    assert wheel.name in files(index)


def test_uv_says_what_is_wrong(index: Server, outside: Tls, ci: CIService, tmp_path: Path) -> None:
    """Another repository's job, and a project that the user may not publish to."""
    wheel = distributions.wheel(tmp_path, "other")
    done = uv_publish(outside, wheel, gitlab(ci.issuer.sign(repository="evil/app")))
    assert done.returncode != 0
    assert "repository=evil/app" in output(done)
    done = uv_publish(outside, wheel, ci.job(AUDIENCE))
    assert done.returncode != 0
    assert "packages.release has no permission to publish the project other" in output(done)
    assert wheel.name not in files(index)


def test_what_the_publish_action_of_pypi_does(index: Server, ci: CIService, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path, "acme_action")
    audience = call(f"{index.url}/_/oidc/audience")["audience"]
    job = ci.job(audience)
    token = call(f"{job['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={audience}", bearer="of-the-job")["value"]
    minted = call(f"{index.url}/_/oidc/mint-token", {"token": token})["token"]
    login = ("--username", "__token__", "--password", minted)
    succeed(TWINE, "upload", "--repository-url", f"{index.url}/legacy/", *login, wheel, cwd=tmp_path)
    assert wheel.name in files(index)
    with pytest.raises(urllib.error.HTTPError, match="422"):
        call(f"{index.url}/_/oidc/mint-token", {"token": token})
    assert minted not in index.log.read_text()
    assert token not in index.log.read_text()


def test_the_index_server_asks_the_issuer_nothing(index: Server, ci: CIService) -> None:
    before = len(ci.asked)
    call(f"{index.url}/_/oidc/mint-token", {"token": ci.issuer.sign()})
    assert len(ci.asked) == before


def test_the_operator_follows_no_redirect_and_believes_no_page(ci: CIService) -> None:
    for path in ("/nothing", "/token"):
        with pytest.raises(IssuerError, match="status 404"):
            Issuers(Web(), lambda _: {}).of_web(ci.url + path)
    with pytest.raises(IssuerError, match="cannot be reached"):
        Issuers(Web(), lambda _: {}).of_web("http://127.0.0.1:1")


def call(url: str, body: Any = None, bearer: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:
        return json.load(answer)

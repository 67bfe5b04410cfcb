"""Trusted publishing as PyPI's clients speak it, on a whole application."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from support import distributions
from support.access import ACCESS
from support.attestations import GITHUB_PUBLISHER, attested
from support.http import Client, auth, form
from support.issuers import AUDIENCE, TestIssuer
from support.memory_storage import Fault, MemoryStorage
from support.serving import LimitedServer
from wheelyard_server import app
from wheelyard_server.access.access_file import TokenIdentity
from wheelyard_server.app import CATALOG
from wheelyard_server.errors import UnsafeStorageError
from wheelyard_server.maintenance.gc import Collector
from wheelyard_server.settings import Settings
from wheelyard_server.web.http.lifecycle import LIFECYCLE

CI = TestIssuer("https://ci.example", claims={"repository": "acme/app", "sub": "repo:acme/app"})
PUBLISHER = TokenIdentity(issuer=CI.url, claims={"repository": "acme/app"})
GITHUB = TestIssuer(
    "https://token.actions.githubusercontent.com",
    number=1,
    claims={
        "repository": "acme/app",
        "workflow_ref": "acme/app/.github/workflows/release.yml@refs/tags/v1",
        "environment": "production",
    },
)
ON_GITHUB = TokenIdentity(issuer=GITHUB.url, claims={"repository": "acme/app"})


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Let the job of acme/app publish as ci.publisher, and two users trust acme/two."""
    both = TokenIdentity(issuer=CI.url, claims={"repository": "acme/two"})
    users = tuple(
        msgspec.structs.replace(
            user,
            trusted_publishers={"ci.publisher": (PUBLISHER, ON_GITHUB, both), "team.owner": (both,)}.get(
                user.name, ()
            ),
        )
        for user in ACCESS.users
    )
    access = msgspec.structs.replace(
        ACCESS, users=users, audience=AUDIENCE, minting_keys=("k" * 43,), issuers=(CI.public, GITHUB.public)
    )
    settings.access_file.write_bytes(msgspec.yaml.encode(access))
    return settings


@pytest.fixture
async def replica(settings: Settings, storage: MemoryStorage) -> AsyncIterator[Client]:
    """Run a second server on the same storage."""
    application = app.build(settings, storage)
    application[LIFECYCLE].started = True
    async with TestClient(LimitedServer(application, settings.limits)) as client:
        yield client


async def mint(client: Client, token: str) -> tuple[int, Any]:
    answer = await client.post("/_/oidc/mint-token", json={"token": token})
    return answer.status, await answer.json()


async def refused(client: Client, token: str) -> tuple[str, str]:
    status, body = await mint(client, token)
    assert status == 422
    assert body["message"]
    (error,) = body["errors"]
    return error["code"], error["description"]


async def test_a_job_publishes(client: Client, replica: Client, tmp_path: Path) -> None:
    answer = await client.get("/_/oidc/audience")
    assert await answer.json() == {"audience": AUDIENCE}
    status, body = await mint(client, CI.sign())
    assert (status, body["success"]) == (200, True)
    assert timedelta(minutes=14) < datetime.fromtimestamp(body["expires"], UTC) - datetime.now(UTC)
    for server in (client, replica):
        token = {"Authorization": f"Bearer {body['token']}"}
        who = await (await server.get("/api/v1/whoami", headers=token)).json()
        assert who["user"] == "ci.publisher"
    path = distributions.wheel(tmp_path)
    assert (await replica.post("/legacy/", data=form(path), headers=auth(body["token"]))).status == 200
    assert (await client.get("/simple/demo/")).status == 200
    other = form(distributions.wheel(tmp_path, "other"))
    assert (await client.post("/legacy/", data=other, headers=auth(body["token"]))).status == 403


async def test_a_job_is_the_publisher_of_its_attestations(client: Client, tmp_path: Path) -> None:
    _, minted = await mint(client, GITHUB.sign())
    path = distributions.wheel(tmp_path)
    answer = await client.post(
        "/legacy/", data=form(path, attestations=attested(path)), headers=auth(minted["token"])
    )
    assert answer.status == 200, await answer.text()
    answer = await client.get(f"/integrity/demo/1.0/{path.name}/provenance")
    assert answer.content_type == "application/vnd.pypi.integrity.v1+json"
    (bundle,) = (await answer.json(content_type=None))["attestation_bundles"]
    assert bundle["publisher"] == {**GITHUB_PUBLISHER, "environment": "production"}


async def test_a_job_cannot_attest_for_another_workflow(client: Client, tmp_path: Path) -> None:
    elsewhere = GITHUB.sign(workflow_ref="acme/app/.github/workflows/nightly.yml@refs/tags/v1")
    _, minted = await mint(client, elsewhere)
    path = distributions.wheel(tmp_path)
    answer = await client.post(
        "/legacy/", data=form(path, attestations=attested(path)), headers=auth(minted["token"])
    )
    assert answer.status == 400
    assert answer.reason == "An attestation was signed by a different CI job than the one that uploads it"


async def test_a_token_can_be_changed_once(client: Client, replica: Client) -> None:
    token, without_id = CI.sign(), CI.sign(jti=None)
    for each in (token, without_id):
        assert (await mint(client, each))[0] == 200
        for server in (client, replica):
            assert await refused(server, each) == (
                "invalid-reuse-token",
                "The token was already used: request a new one from CI",
            )


@pytest.mark.parametrize("issuer", ["https://\ud800.example", "https://\x00\u202e.example", "\\ud800"])
async def test_whatever_the_issuer_of_a_token_is_the_refusal_is_json(client: Client, issuer: str) -> None:
    code, description = await refused(client, TestIssuer(issuer).sign())
    assert code == "invalid-token"
    assert description.startswith("This index does not trust the issuer of the token")


async def test_an_untrusted_job_is_shown_what_its_token_says(client: Client) -> None:
    code, description = await refused(client, CI.sign(repository="acme/fork", email="secret@example.com"))
    assert code == "invalid-publisher"
    assert f"iss={CI.url}, sub=repo:acme/app, repository=acme/fork" in description
    assert "secret" not in description


async def test_a_job_that_another_user_names_as_well_stays_whose_it_was(client: Client) -> None:
    """The older one, which is the first in the file: naming another team's job changes nothing for that team."""
    status, body = await mint(client, CI.sign(repository="acme/two"))
    assert status == 200
    answer = await client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {body['token']}"})
    assert (await answer.json())["user"] == "ci.publisher"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "pypi"}, "invalid-token"),
        ({"iss": "https://evil.example"}, "invalid-token"),
        ({"exp": 1}, "invalid-token"),
        ({"exp": int(datetime(2099, 1, 1, tzinfo=UTC).timestamp())}, "invalid-token"),
    ],
)
async def test_tokens_that_are_not_believed(client: Client, changes: dict[str, Any], code: str) -> None:
    assert (await refused(client, CI.sign(**changes)))[0] == code


@pytest.mark.parametrize("token", ["", "x", "wy_x", "a.b.c"])
async def test_a_text_that_is_not_a_signed_token_is_refused(client: Client, token: str) -> None:
    assert (await refused(client, token))[0] == "invalid-token"


LONG = b'{"token": "' + b"x" * 20_000 + b'"}'
DEEP = b'{"x":' + b"[" * 8000 + b"]" * 8000 + b"}"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token": 5}', b"\xff", LONG, DEEP])
async def test_a_body_without_a_token_is_refused(client: Client, body: bytes) -> None:
    answer = await client.post("/_/oidc/mint-token", data=body)
    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert answer.headers["Cache-Control"] == "no-store"
    refusal = await answer.json()
    assert refusal["errors"] == [{"code": "invalid-payload", "description": refusal["detail"]}]
    assert refusal["detail"] == answer.reason


async def test_every_try_is_audited(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "audit"):
        good, stranger = CI.sign(), CI.sign(repository="acme/fork")
        for token in (good, good, stranger):
            await mint(client, token)
    lines = [record.fields for record in caplog.records if record.name == "audit"]  # type: ignore[attr-defined]
    assert [(line["verb"], line["outcome"], line["user"], line["method"]) for line in lines] == [
        ("mint", "done", "ci.publisher", "trusted-publisher"),
        ("mint", "refused", "anonymous", "trusted-publisher"),
        ("mint", "refused", "anonymous", "trusted-publisher"),
    ]
    assert lines[1]["reason"].startswith("invalid-reuse-token")
    assert "repository=acme/fork" in lines[2]["reason"]


async def test_when_the_storage_is_away_nothing_is_minted(client: Client, storage: MemoryStorage) -> None:
    storage.fail_at(0, Fault.LOST_REQUEST, times=100)
    assert (await client.post("/_/oidc/mint-token", json={"token": CI.sign()})).status == 503


async def test_while_writes_are_not_safe_nothing_is_minted(client: Client) -> None:
    assert client.app is not None
    client.app[CATALOG].writes.refuse(UnsafeStorageError("no"))
    assert (await client.post("/_/oidc/mint-token", json={"token": CI.sign()})).status == 503


async def test_a_used_token_is_forgotten_once_it_has_expired(client: Client, storage: MemoryStorage) -> None:
    token = CI.sign()
    assert (await mint(client, token))[0] == 200
    for days, kept in ((0, 1), (1, 1), (2, 0)):
        now = datetime.now(UTC) + timedelta(minutes=10, days=days)
        await Collector(storage, lambda _: None, now).run()
        assert len([key for key in storage.objects if key.startswith("spent/")]) == kept

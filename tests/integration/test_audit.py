"""The audit log of a real server: a line for each write and each refusal, and no secret in any line."""

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clients.command import run
from clients.environments import TWINE
from support import distributions
from support.access import ACCESS, OWNER, PUBLISHER, READER, token_of
from support.command_line import wheelyard
from support.issuers import AUDIENCE, TestIssuer
from support.patience import HANG_SECONDS
from support.server import Server, running
from wheelyard_operator.passwords import hashed
from wheelyard_server.access.access_file import AccessFile, Password, TokenIdentity

CLUSTER = TestIssuer("https://kubernetes.default.svc")
PASSWORD = "correct-horse-battery"
ACCOUNT = "system:serviceaccount:web:reader"
WHEEL = "demo-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def access() -> AccessFile:
    """Let web.reader log in by a password and as a ServiceAccount, too."""
    identity = TokenIdentity(issuer=CLUSTER.url, claims={"sub": ACCOUNT})
    job = TokenIdentity(issuer=CLUSTER.url, claims={"repository": "acme/app"})
    changes: dict[str, Any] = {
        "passwords": (Password(hash=hashed(PASSWORD).hash),),
        "identities": (identity,),
        "trusted_publishers": (job,),
    }
    users = tuple(
        msgspec.structs.replace(user, **changes) if user.name == "web.reader" else user for user in ACCESS.users
    )
    return msgspec.structs.replace(
        ACCESS, users=users, audience=AUDIENCE, issuers=(CLUSTER.public,), minting_keys=("k" * 43,)
    )


@pytest.fixture
def server(tmp_path: Path, access: AccessFile) -> Iterator[Server]:
    storage = {"folder": {"path": str(tmp_path / "data")}}
    with running(tmp_path / "server", storage, access=access) as server:
        yield server


def lines(server: Server) -> list[tuple[str, ...]]:
    """Return what each line of the audit log says of verb, outcome, user, method and project."""
    found = []
    for line in server.log.read_text().splitlines():
        if " audit: " in line:
            fields = dict(pair.split("=", 1) for pair in line.split(" ") if "=" in pair)
            found.append(tuple(fields.get(name, "") for name in ("verb", "outcome", "user", "method", "project")))
    return found


def get(url: str, authorization: str = "", method: str = "GET", body: Any = None) -> int:
    headers = {"Authorization": authorization} if authorization else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_each_write_and_each_refusal_has_one_line(server: Server, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path)
    upload = (TWINE, "upload", "--non-interactive", "--repository-url", f"{server.url}/legacy/", "-u", "__token__")
    assert run(*upload, "-p", PUBLISHER, wheel, cwd=tmp_path).returncode == 0
    assert run(*upload, "-p", READER, wheel, cwd=tmp_path).returncode == 1
    secret = {"PIP_INDEX_URL": server.url_of(OWNER) + "/simple/"}
    for command in (("yank", "demo", "1.0"), ("unyank", "demo", WHEEL), ("status", "demo", "active")):
        assert wheelyard(*command, variables=secret).returncode == 0
    assert wheelyard("delete", "demo", "1.0", "--yes", variables=secret).returncode == 0
    assert wheelyard("delete", "demo", "1.0", "--yes", variables=secret).returncode == 1
    for url in ("/simple/", "/simple/open-x/", "/api/v1/whoami"):
        get(server.url + url, f"Bearer {PUBLISHER}")
    assert get(f"{server.url}/simple/secret-x/") == 401
    assert get(f"{server.url}/simple/secret-x/", f"Bearer {token_of('nobody')}") == 404
    assert get(f"{server.url}/simple/", f"Bearer {token_of('unknown')}") == 401
    assert lines(server) == [
        ("publish", "done", "ci.publisher", "token", "demo"),
        ("publish", "refused", "web.reader", "token", ""),
        ("yank", "done", "team.owner", "token", "demo"),
        ("unyank", "done", "team.owner", "token", "demo"),
        ("status", "done", "team.owner", "token", "demo"),
        ("delete", "done", "team.owner", "token", "demo"),
        ("delete", "failed", "team.owner", "token", "demo"),
        ("read", "refused", "anonymous", "none", "secret-x"),
        ("read", "refused", "web.nobody", "token", "secret-x"),
        ("read", "refused", "anonymous", "token", ""),
    ]


def test_no_secret_is_in_any_line_wherever_a_client_puts_it(server: Server, access: AccessFile) -> None:
    basic = server.url.replace("http://", f"http://web.reader:{PASSWORD}@")
    account = CLUSTER.sign(sub=ACCOUNT)
    job = CLUSTER.sign(sub="job", repository="acme/app")
    assert wheelyard("whoami", "--index-url", f"{basic}/simple/").returncode == 0
    for token in (account, READER):
        assert get(f"{server.url}/api/v1/whoami", f"Bearer {token}") == 200
    request = urllib.request.Request(f"{server.url}/_/oidc/mint-token", json.dumps({"token": job}).encode())
    with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:
        minted = json.load(answer)["token"]
    assert get(f"{server.url}/api/v1/whoami", f"Bearer {minted}") == 200
    secrets = [PASSWORD, account, job, minted, READER, PUBLISHER]
    # Not the password: in a path it looks like any name of a project.
    for secret in secrets[1:]:
        for url in (f"/simple/{secret}/", f"/simple/?token={secret}", f"/{secret}", f"/files/{secret}/x/y"):
            get(server.url + url, f"Bearer {secret}x")
        get(f"{server.url}/api/v1/projects/demo/status", f"Basic {secret}", "PUT", {"status": secret})
        get(f"{server.url}/_/oidc/mint-token", "", "POST", {"token": f"{secret}x"})
    broken = server.access_file.with_suffix(".new")
    broken.write_text(server.access_file.read_text().replace("tokenDigests", "tokenDigest"))
    shutil.move(broken, server.access_file)
    get(f"{server.url}/simple/", f"Bearer {READER}")
    log = server.log.read_text()
    assert [secret for secret in secrets if secret in log] == []
    for user in access.users:
        assert not [password.hash for password in user.passwords if password.hash in log]
        assert not [digest for digest in user.token_digests if digest in log]

"""The exchange of a CI job's signed token for one of this index, without HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.issuers import AUDIENCE, TestIssuer
from wheelyard_server.access.access_file import AccessFile, TokenIdentity, User
from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.reloading import CurrentAccess
from wheelyard_server.access.rules import Method
from wheelyard_server.access.token_exchange import MAX_LIFETIME, TokenExchange
from wheelyard_server.errors import InvalidPublisherError, NotFoundError

CI = TestIssuer("https://ci.example", claims={"repository": "acme/app", "sub": "repo:acme/app"})
TRUST = TokenIdentity(issuer=CI.url, claims={"repository": "acme/app"})
FILE = AccessFile(
    users=(User(name="ci.publisher", trusted_publishers=(TRUST,)),),
    audience=AUDIENCE,
    minting_keys=("k" * 43,),
    issuers=(CI.public,),
)


class World:
    """An exchange that remembers its tokens in a set."""

    def __init__(self, path: Path, file: AccessFile = FILE) -> None:
        path.write_bytes(msgspec.yaml.encode(file))
        self.used: dict[str, datetime] = {}
        self.record = AuditRecord()
        self.exchange = TokenExchange(CurrentAccess(path, lambda: 0), self._use_once)

    async def _use_once(self, thing: str, until: datetime) -> bool:
        is_first = thing not in self.used
        self.used[thing] = until
        return is_first

    async def refusal(self, token: str) -> tuple[str, str]:
        with pytest.raises(InvalidPublisherError) as refused:
            await self.exchange.exchange(token, self.record)
        return refused.value.code, str(refused.value)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "access.yaml")


async def test_a_trusted_job_gets_a_token_once(world: World) -> None:
    token = CI.sign()
    minted = await world.exchange.exchange(token, world.record)
    assert minted.expires - datetime.now(UTC) < timedelta(minutes=16)
    assert str(world.record.principal) == "ci.publisher"
    assert world.record.principal is not None
    assert world.record.principal.method is Method.TRUSTED_PUBLISHER
    assert (await world.refusal(token))[0] == "invalid-reuse-token"


async def test_a_token_with_another_signature_is_the_same_token(world: World) -> None:
    token = CI.sign(jti=None)
    await world.exchange.exchange(token, world.record)
    (thing,) = world.used
    assert thing == f"{CI.url} {token.rpartition('.')[0]}"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (lambda: "x", "invalid-token"),
        (lambda: TestIssuer("https://other.example").sign(), "invalid-token"),
        (lambda: CI.sign(repository="acme/fork"), "invalid-publisher"),
        (lambda: CI.sign(exp=int((datetime.now(UTC) + MAX_LIFETIME * 2).timestamp())), "invalid-token"),
    ],
    ids=["text", "unknown issuer", "untrusted job", "too long"],
)
async def test_a_refused_token_is_not_used_and_names_no_principal(
    world: World, token: Callable[[], str], code: str
) -> None:
    # Signed here, since a token that was signed when the tests were collected may have expired.
    assert (await world.refusal(token()))[0] == code
    assert world.used == {}
    assert world.record.principal is None


@pytest.mark.parametrize("without", [{"audience": ""}, {"minting_keys": ()}])
async def test_without_an_audience_or_a_key_there_is_no_exchange(tmp_path: Path, without: dict[str, Any]) -> None:
    world = World(tmp_path / "access.yaml", msgspec.structs.replace(FILE, **without))
    with pytest.raises(NotFoundError):
        world.exchange.require_open()
    with pytest.raises(NotFoundError):
        world.exchange.audience()
    with pytest.raises(NotFoundError):
        await world.exchange.exchange(CI.sign(), world.record)

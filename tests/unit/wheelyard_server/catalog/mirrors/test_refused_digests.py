"""A file of which the upstream lists no digest is refused by the digest of what arrives, before its last bytes."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from support.contents import received as all_of
from support.fake_upstream import FakeTime, FakeUpstream, configured, page_file
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.catalog import Catalog, Policy
from wheelyard_server.catalog.mirrors.contents import Space
from wheelyard_server.catalog.mirrors.mirrors import Upstreams
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.scratch_budget import ScratchBudget
from wheelyard_server.errors import RefusedFileError
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.advisories import Advisories, Advisory
from wheelyard_server.policy.quarantine import Quarantine, Quarantined
from wheelyard_server.settings.policy import Cooldown, Denied, PolicyFile, PolicyRules

NAME = NormalizedName("demo")
WHEEL = "demo-1.0-py3-none-any.whl"
URL = f"https://files.example.com/packages/{WHEEL}"
NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def upstream() -> FakeUpstream:
    return FakeUpstream()


@pytest.fixture
def catalog(upstream: FakeUpstream, tmp_path: Path) -> Catalog:
    time = FakeTime()
    space = Space(Scratch(tmp_path / "scratch", 10**9), ScratchBudget(10**9), 10**9)
    wanted = Policy(upstreams=Upstreams((configured(upstream),), clock=time.monotonic), space=space)
    return Catalog(MemoryStorage(), wanted, time.now, may_raise_format=lambda: True)


def refuse(catalog: Catalog, rule: str, digest: str) -> None:
    """Let a rule refuse these bytes, whatever their project."""
    denied = (Denied(sha256=(digest,)),) if rule == "deny" else ()
    catalog.basis.put_file(PolicyFile(policy=PolicyRules(cooldown=Cooldown(age="0s"), deny=denied)))
    if rule == "quarantine":
        entry = Quarantined(sha256=digest, reason="alert", by="ann", at=NOW)
        catalog.basis.put_quarantine(Quarantine(entries=(entry,)))
    if rule == "malware":
        known = Advisory(
            "MAL-1", is_malware=True, severity=None, published=NOW, is_reviewed=True, digests=(digest,)
        )
        catalog.basis.put_advisories(Advisories("1", {"evil": (known,)}, {digest: "evil"}))


async def received(catalog: Catalog) -> bytes:
    """Return what a client gets of the whole file."""
    opened = await catalog.mirrored.open(await catalog.mirrored.find(NAME, "up", f"packages/{WHEEL}"))
    return await all_of(opened.content)


@pytest.mark.parametrize("size", [1_000, 200_000])
@pytest.mark.parametrize("rule", ["deny", "malware", "quarantine"])
async def test_bytes_whose_digest_is_refused_never_arrive_whole(
    catalog: Catalog, upstream: FakeUpstream, rule: str, size: int
) -> None:
    body = size * b"x"
    upstream.files[URL] = body
    upstream.put("demo", page_file(WHEEL, body, hashes={}))
    refuse(catalog, rule, sha256(body).hexdigest())
    for _ in range(2):
        with pytest.raises(RefusedFileError) as refused:
            await received(catalog)
        assert refused.value.refusal.rule == rule


async def test_other_bytes_arrive(catalog: Catalog, upstream: FakeUpstream) -> None:
    upstream.files[URL] = b"bytes"
    upstream.put("demo", page_file(WHEEL, b"bytes", hashes={}))
    refuse(catalog, "deny", sha256(b"others").hexdigest())
    assert await received(catalog) == b"bytes"

"""URLs at which clients find objects in the storage: how long they are shared, and what they may take."""

import pytest

from wheelyard_server.catalog.contents import redirects
from wheelyard_server.catalog.contents.redirects import SHARED_SECONDS, PresignedUrls
from wheelyard_server.errors import StorageUnavailableError


class Signing:
    """Signs with a number that increases each time, and is the clock."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.signed = 0
        self.fails = False

    def clock(self) -> float:
        return self.seconds

    async def presign(self, key: str) -> str:
        if self.fails:
            raise StorageUnavailableError(key, "no credentials")
        self.signed += 1
        self.seconds += 5  # It may wait for credentials.
        return f"https://s3.example/{key}?{self.signed}"


@pytest.fixture
def signing() -> Signing:
    return Signing()


@pytest.fixture
def locations(signing: Signing) -> PresignedUrls:
    return PresignedUrls(signing.presign, signing.clock)


async def test_all_clients_get_the_same_url_for_a_minute_after_it_was_signed(
    locations: PresignedUrls, signing: Signing
) -> None:
    begun = signing.seconds
    first = await locations.of("a")
    assert locations.cached("a") == await locations.of("a") == first
    signing.seconds = begun + SHARED_SECONDS - 0.1
    assert locations.cached("a") == first
    signing.seconds = begun + SHARED_SECONDS
    assert locations.cached("a") is None
    assert await locations.of("a") != first
    assert signing.signed == 2


async def test_each_object_has_its_own_url(locations: PresignedUrls) -> None:
    assert (await locations.of("a"), await locations.of("b")) == (
        "https://s3.example/a?1",
        "https://s3.example/b?2",
    )
    assert locations.cached("c") is None


async def test_after_a_failed_signature_the_next_client_tries_again(
    locations: PresignedUrls, signing: Signing
) -> None:
    signing.fails = True
    with pytest.raises(StorageUnavailableError, match="no credentials"):
        await locations.of("a")
    signing.fails = False
    assert await locations.of("a") == "https://s3.example/a?1"


async def test_the_memory_for_urls_is_bounded(monkeypatch: pytest.MonkeyPatch, signing: Signing) -> None:
    monkeypatch.setattr(redirects, "CACHED_BYTES", 2_100)
    locations = PresignedUrls(signing.presign, signing.clock)
    for key in "abcdef":
        await locations.of(key)
    assert [locations.cached(key) is not None for key in "abcdef"] == [False, False] + [True] * 4

"""A property: replicas fetch, read and lose the same bytes in any order, and no client ever gets other ones."""

import asyncio
import random
from pathlib import Path

import pytest

from support.contents import received
from support.memory_storage import Fault
from support.mirrored_files import WHEEL, Replica, World, mirror, mirrored_file, sha256, url_of
from wheelyard_server.errors import StorageError, UpstreamError, UpstreamUnavailableError
from wheelyard_server.storage import layout

HASHLESS = tuple(f"demo-2.{number}.tar.gz" for number in range(8))
"""Files without a digest, whose bytes change at the upstream."""
BODIES = {WHEEL: bytes(range(256)) * 300, "demo-1.0.tar.gz": b"y" * 70_000, **dict.fromkeys(HASHLESS, b"z" * 2000)}
OTHER = b"other bytes" * 200
MAX_MIRRORED = 200_000
FAULTS = (Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.WRONG_BODY, Fault.TRUNCATED_BODY, Fault.CONFLICT)


class History:
    """Three replicas, one of them without a cache, and everything that may happen to them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a test
        self.world = World(folder)
        self.replicas = [self.world.replica(has_cache=n != 1, max_mirrored=MAX_MIRRORED) for n in range(3)]
        self.seen: dict[str, bytes] = {}
        """The bytes that the first client of each file got."""

    async def pause(self, _: int) -> None:
        """Let others go on while bytes are on their way."""
        for _ in range(self.chance.choice([0, 1, 30])):
            await asyncio.sleep(0)

    async def begin(self) -> None:
        """Let the upstream have its files."""
        files = [mirrored_file(body, name) for name, body in BODIES.items()]
        files = [each.replace(sha256="", size=None) if each.filename in HASHLESS else each for each in files]
        self.world.upstream.before_chunk = self.pause
        for filename, body in BODIES.items():
            self.world.upstream.files[url_of(filename)] = body
        await mirror(self.replicas[0].documents, *files)

    async def step(self) -> None:
        """Do one thing."""
        steps = [self.read, self.read_part, self.evict, self.change_upstream, self.fail_storage]
        (step,) = self.chance.choices(steps, [60, 10, 15, 20, 7])
        await step()

    async def read(self) -> None:
        filename = self.chance.choice([*BODIES])
        await self.read_from(self.chance.choice(self.replicas), filename)

    async def read_from(self, replica: Replica, filename: str) -> None:
        body = await received((await replica.downloads.open(await replica.listed(filename))).content)
        assert body == self.seen.setdefault(filename, body)
        assert filename in HASHLESS or body == BODIES[filename]

    async def read_part(self) -> None:
        replica = self.chance.choice(self.replicas)
        content = (await replica.downloads.open_part(await replica.listed(WHEEL), 5, 15)).content
        part = BODIES[WHEEL][5:15]
        # From memory or a local disk comes the whole file, of which a client is sent its part. A
        # part from a storage cannot be verified: `Fault.WRONG_BODY` reverses it.
        assert await received(content) in {part, BODIES[WHEEL], part[::-1]}

    async def evict(self) -> None:
        kept = self.chance.choice(sorted(self.world.kept) or [sha256(b"")])
        await self.world.storage.delete(layout.mirrored(kept))

    async def change_upstream(self) -> None:
        """Let the upstream replace the files that have no digest, and fail for a while or recover."""
        upstream = self.world.upstream
        for filename in HASHLESS:
            upstream.files[url_of(filename)] = self.chance.choice([OTHER, BODIES[filename]])
        upstream.error = UpstreamUnavailableError("public", "is down") if self.chance.random() < 0.3 else None

    async def fail_storage(self) -> None:
        self.world.memory.fail_at(self.chance.randrange(1, 6), self.chance.choice(FAULTS))

    def check_kept(self) -> None:
        """Check that each kept object is that of its key, and all of them are within their bound."""
        kept = {each: self.world.memory.objects[layout.mirrored(each)] for each in self.world.kept}
        assert all(digest == sha256(body) for digest, body in kept.items())
        assert sum(map(len, kept.values())) <= MAX_MIRRORED

    async def recover(self) -> None:
        """Let everything work again."""
        for replica in self.replicas:
            await replica.idle()
            assert replica.left_behind == []
            replica.clock += 1000
        self.world.memory.recover()
        self.world.upstream.error = None
        for filename in HASHLESS:
            self.world.upstream.files[url_of(filename)] = self.seen.get(filename, BODIES[filename])


@pytest.mark.parametrize("seed", range(40))
async def test_no_order_of_fills_evictions_and_faults_changes_a_byte(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path, seed)
    await history.begin()
    for _ in range(40):
        steps = (history.step() for _ in range(history.chance.randrange(1, 6)))
        outcomes = await asyncio.gather(*steps, return_exceptions=True)
        unexpected = [each for each in outcomes if not isinstance(each, (StorageError, UpstreamError, type(None)))]
        assert unexpected == []
        history.check_kept()
    await history.recover()
    for replica in history.replicas:
        for filename in BODIES:
            await history.read_from(replica, filename)
        await replica.idle()

"""METADATA of wheels that are read in parts."""

import asyncio
import io
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.distributions import wheel_files
from support.mirrored_files import WHEEL
from wheelyard_server.catalog.inspection import ArchiveLimits
from wheelyard_server.catalog.mirrors import extraction
from wheelyard_server.catalog.mirrors.extraction import TAIL_BYTES, read_metadata_by_ranges
from wheelyard_server.errors import InvalidUploadError, UpstreamUnavailableError

FILES = wheel_files()
METADATA = "demo-1.0.dist-info/METADATA"
STORED = {"big.bin": bytes(TAIL_BYTES * 2)}
LIMITS = ArchiveLimits()
MANY = {f"module{number:05}.py": b"" for number in range(6000)}
"""Their directory is larger than the part at the end that is read first."""


def archive(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", method) as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name), content, method)
    return body.getvalue()


class Ranges:
    """Serves ranges of a wheel, and counts them."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.requests: list[tuple[int, int]] = []

    async def read(self, start: int, end: int) -> bytes:
        self.requests.append((start, end))
        return self.body[start:end]

    async def metadata(self, filename: str = WHEEL, limits: ArchiveLimits = LIMITS) -> bytes:
        return await read_metadata_by_ranges(len(self.body), self.read, filename, limits)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("files", "requests"),
    [(FILES, 1), (STORED | FILES, 1), (FILES | STORED, 2), (MANY | FILES, 3), (FILES | STORED | MANY, 3)],
    ids=["small", "metadata at the end", "metadata at the start", "large directory", "all"],
)
async def test_few_requests_find_the_metadata(files: Mapping[str, bytes], requests: int, method: int) -> None:
    ranges = Ranges(archive(files, method))
    assert await ranges.metadata() == FILES[METADATA]
    assert len(ranges.requests) <= requests


@pytest.mark.parametrize(
    "files",
    [
        {"demo.py": b""},
        {**FILES, "other-1.0.dist-info/METADATA": b""},
        {"other-1.0.dist-info/METADATA": FILES[METADATA]},
        {"demo-2.0.dist-info/METADATA": FILES[METADATA]},
        {METADATA: FILES[METADATA].replace(b"demo", b"other")},
        {METADATA: b"Name: demo"},
        {METADATA: b""},
    ],
)
async def test_metadata_that_is_not_the_wheels_is_refused(files: Mapping[str, bytes]) -> None:
    with pytest.raises(InvalidUploadError):
        await Ranges(archive(files)).metadata()


@pytest.mark.parametrize(
    "harm",
    [
        lambda body: body[:-1],
        lambda body: body + b"x",
        lambda body: body.replace(b"Metadata-Version", b"Metadata-Wersion"),
        lambda _: b"",
        lambda body: bytes(len(body)),
    ],
)
async def test_a_damaged_wheel_has_no_metadata(harm: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidUploadError):
        await Ranges(harm(archive(FILES))).metadata()


@pytest.mark.parametrize("filename", ["demo-1.0.tar.gz", "demo.whl", "demo-1.0-py3-none-any.whl\n"])
async def test_other_filenames_have_none(filename: str) -> None:
    with pytest.raises(InvalidUploadError):
        await Ranges(archive(FILES)).metadata(filename)


async def test_metadata_beyond_its_limit_is_not_read() -> None:
    bomb = archive({METADATA: FILES[METADATA] + bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(InvalidUploadError, match="larger than 1000 bytes"):
        await Ranges(bomb).metadata(limits=ArchiveLimits(metadata_bytes=1000))


async def test_a_wheel_costs_a_bounded_number_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "MAX_REQUESTS", 2)
    ranges = Ranges(archive(FILES | STORED | MANY))
    with pytest.raises(InvalidUploadError, match="too large"):
        await ranges.metadata()
    assert len(ranges.requests) == 2


async def test_an_error_of_the_upstream_stays_what_it_is() -> None:
    async def fail(start: int, end: int) -> bytes:
        raise UpstreamUnavailableError("public", f"ended the connection between {start} and {end}")

    with pytest.raises(UpstreamUnavailableError):
        await read_metadata_by_ranges(1000, fail, WHEEL, ArchiveLimits())


async def test_an_answer_that_is_too_short_is_not_asked_for_without_end() -> None:
    ranges = Ranges(archive(FILES))

    async def cut(start: int, end: int) -> bytes:
        return (await ranges.read(start, end))[:-1]

    with pytest.raises(InvalidUploadError):
        await read_metadata_by_ranges(len(ranges.body), cut, WHEEL, LIMITS)
    assert len(ranges.requests) == extraction.MAX_REQUESTS


async def test_wheels_that_wait_for_their_upstream_hold_no_thread() -> None:
    """Uploads, storage folders and fills need the same few threads, and a range may need one itself."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    ranges, goes_on = Ranges(archive(FILES | STORED)), asyncio.Event()

    async def wait(start: int, end: int) -> bytes:
        await goes_on.wait()
        return await asyncio.to_thread(lambda: ranges.body[start:end])

    async with asyncio.timeout(30):
        size = len(ranges.body)
        waiting = [asyncio.create_task(read_metadata_by_ranges(size, wait, WHEEL, LIMITS)) for _ in range(20)]
        await asyncio.sleep(0)
        assert await asyncio.to_thread(lambda: "another's work") == "another's work"
        goes_on.set()
        assert set(await asyncio.gather(*waiting)) == {FILES[METADATA]}

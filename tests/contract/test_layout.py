"""The layout of a storage: the page, the server that writes it and the operator that deletes it say the same."""

import asyncio
import re
import time
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pytest

from support import distributions, osv
from support.catalogs import upload
from support.memory_storage import MemoryStorage
from support.mirrored_files import World
from support.osv_feed import FakeFeed
from wheelyard_operator.provision import bucket_ownership, removal
from wheelyard_server.catalog import project_list
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.fetches.fetch_log import FetchLog
from wheelyard_server.catalog.ownership import take_ownership
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.catalog.write_safety import WriteSafety
from wheelyard_server.settings import FetchLogSettings
from wheelyard_server.storage import Server, layout

PAGE = Path(__file__).parents[2] / "docs/contract.md"
ARCHITECTURE = PAGE.with_name("architecture.md")


def documented(page: Path = PAGE, heading: str = "## The layout of a storage") -> list[str]:
    """Return the keys of a page's table, with their parts in angle brackets."""
    section = page.read_text().partition(f"{heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    return [key for row in rows for key in _keys(re.findall(r"`([^`]+)`", row))]


def _keys(names: list[str]) -> list[str]:
    folder = names[0].rpartition("/")[0]
    return [names[0], *(f"{folder}/{name}" for name in names[1:])]


def is_documented(key: str) -> bool:
    patterns = [re.sub(r"<[^>]+>", "[^/]+", re.escape(each)) for each in documented()]
    return any(re.fullmatch(pattern, key) for pattern in patterns)


def prefixes() -> set[str]:
    """Return all folders of which `layout` knows that stand at the top."""
    values = [value for name, value in vars(layout).items() if name.isupper() and isinstance(value, str)]
    return {value for value in values if value.count("/") == 1 and value.endswith("/")}


def test_the_operator_deletes_what_the_server_writes() -> None:
    assert prefixes() == set(removal.OURS)
    assert bucket_ownership.MARKER == layout.INDEX
    assert bucket_ownership.PROBE.startswith(layout.PROBES)


def test_the_page_has_every_folder_and_no_other() -> None:
    assert {f"{key.partition('/')[0]}/" for key in documented() if "/" in key} == prefixes()
    assert [key for key in documented() if "/" not in key] == [layout.INDEX]
    assert bucket_ownership.PROBE in documented()
    assert layout.SNAPSHOT in documented()


def test_the_architecture_page_has_the_same_keys() -> None:
    """All but the operator's own probe."""
    assert set(documented(ARCHITECTURE, "### What is stored")) == set(documented()) - {bucket_ownership.PROBE}


async def test_the_page_has_every_key_that_a_server_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_list, "CHANGES_KEPT_IN_MEMORY", 0)
    storage, written = MemoryStorage(), set[str]()
    storage.before_call = lambda method, key: written.add(key) if method in ("write", "store") else None
    storage.on_server(Server("https://s3.example.com", "S3"))
    await take_ownership(storage, "packages/main")
    await WriteSafety(storage).check()
    catalog = Catalog(storage)
    await catalog.publish(upload(distributions.wheel(tmp_path)))
    await catalog.projects()
    await catalog.use_once("a token", datetime(2026, 11, 30, tzinfo=UTC))
    world = World(tmp_path, storage)
    replica = world.replica()
    await world.list(replica, b"a file of an upstream")
    await replica.get()
    await catalog.fetches.flush()
    await FetchLog(storage, FetchLogSettings(), lambda: time.time() + 2 * 86_400, WriteGate()).maintain()
    export = await FakeFeed(records={"MAL-2026-1": osv.malware("MAL-2026-1", "evil")}).export()
    assert export is not None
    await catalog.advisories.load(export, "loaded by ann", is_accepted=False)
    monkeypatch.setattr(catalog.quarantine, "_sleep", partial(asyncio.sleep, 0))
    await catalog.quarantine_file("a" * 64, "leaked", "ann")
    others = {
        layout.verdict(Server("", ""), is_safe=False),
        layout.probe("a"),
        layout.spent(date(2026, 11, 30), "a"),
        "files/demo/1/demo-1.0.tar.gz.provenance",
    }
    folders = {f"{key.partition('/')[0]}/" for key in written if "/" in key}
    assert folders == prefixes()
    assert [key for key in sorted(written | others) if not is_documented(key)] == []
    assert not is_documented("files/demo/demo-1.0.tar.gz")

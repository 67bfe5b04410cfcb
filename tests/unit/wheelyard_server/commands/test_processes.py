import os
from collections.abc import Collection
from pathlib import Path

import msgspec
import pytest

from wheelyard_server.commands import processes
from wheelyard_server.commands.processes import shares
from wheelyard_server.settings import (
    Cache,
    Folder,
    Limits,
    ListenAddress,
    Listeners,
    Performance,
    Settings,
    StorageSettings,
)

SETTINGS = Settings(
    storage=StorageSettings(folder=Folder(path=Path("data"))),
    access_file=Path("access.yaml"),
    scratch_folder=Path("scratch"),
    cache=Cache(folder=Path("cache"), max_bytes=1001),
    listeners=Listeners(metrics=ListenAddress(port=9090)),
    limits=Limits(uploads=5, scratch_bytes=900, connections=100),
    performance=Performance(processes=3),
)


def test_a_single_process_has_the_whole_share() -> None:
    alone = msgspec.structs.replace(SETTINGS, performance=Performance())
    assert shares(alone) == [alone]


def test_several_share_what_the_server_may_use() -> None:
    each = shares(SETTINGS)
    assert [settings.listeners.metrics and settings.listeners.metrics.port for settings in each] == [
        9090,
        9091,
        9092,
    ]
    caches = [settings.cache for settings in each if settings.cache]
    assert {str(cache.folder) for cache in caches} == {"cache/process-0", "cache/process-1", "cache/process-2"}
    assert sum(cache.max_bytes for cache in caches) <= 1001
    for settings in each:
        limits = settings.limits
        assert (limits.uploads, limits.scratch_bytes, limits.connections) == (1, 300, 33)
        assert limits.file_bytes == SETTINGS.limits.file_bytes
        assert (settings.storage, settings.listeners.cluster) == (SETTINGS.storage, SETTINGS.listeners.cluster)


def test_shares_have_neither_cache_nor_metrics_if_the_settings_have_none() -> None:
    settings = msgspec.structs.replace(SETTINGS, cache=None, listeners=Listeners())
    assert [(each.cache, each.listeners.metrics) for each in shares(settings)] == [(None, None)] * 3


@pytest.mark.parametrize(
    ("usable", "count", "expected"),
    [
        ({3, 0}, 2, [[0], [3]]),
        ({0, 1, 2, 3, 4}, 2, [[0, 2, 4], [1, 3]]),
        ({0, 1}, 3, [[], [], []]),
    ],
)
def test_each_process_gets_a_processor_if_there_are_enough(
    usable: set[int], count: int, expected: list[Collection[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: usable)
    assert processes._processors(count) == expected

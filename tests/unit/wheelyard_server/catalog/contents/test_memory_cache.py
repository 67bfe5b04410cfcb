from wheelyard_server.catalog.contents.memory_cache import MemoryCache


def test_the_least_recently_used_goes_first() -> None:
    kept: MemoryCache[str, int] = MemoryCache(10)
    for number, key in enumerate("abc"):
        kept.put(key, number, 3)
    assert kept.get("a") == 0
    kept.put("d", 3, 3)
    assert [kept.get(key) for key in "abcd"] == [0, None, 2, 3]
    assert kept.size == 9


def test_a_value_that_is_replaced_or_dropped_gives_its_bytes_back() -> None:
    kept: MemoryCache[str, int] = MemoryCache(10)
    kept.put("a", 1, 8)
    kept.put("a", 2, 4)
    assert (kept.get("a"), kept.size) == (2, 4)
    kept.drop("a")
    kept.drop("a")
    assert (kept.get("a"), kept.size) == (None, 0)


def test_the_most_recent_entry_stays_however_large_it_is() -> None:
    kept: MemoryCache[str, int] = MemoryCache(10)
    kept.put("a", 1, 1)
    kept.put("b", 2, 100)
    assert (kept.get("a"), kept.get("b")) == (None, 2)
    kept.put("c", 3, 1)
    assert (kept.get("b"), kept.get("c")) == (None, 3)

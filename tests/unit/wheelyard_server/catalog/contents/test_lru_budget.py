from wheelyard_server.catalog.contents.lru_budget import LruBudget


def test_the_least_recently_used_entries_are_evicted_and_no_more_than_needed() -> None:
    budget = LruBudget(100, {"a": 30, "b": 30, "c": 30})
    budget.use("a")
    assert budget.reserve(20) == ["b"]
    assert [key in budget for key in "abc"] == [True, False, True]


def test_reserved_bytes_count() -> None:
    budget = LruBudget(100, {})
    assert [budget.can_reserve(40), budget.reserve(40), budget.can_reserve(40), budget.reserve(40)] == [
        True,
        [],
        True,
        [],
    ]
    assert not budget.can_reserve(40)
    budget.release(40)
    assert budget.can_reserve(40)


def test_an_entry_replaces_its_reservation() -> None:
    budget = LruBudget(100, {"a": 60})
    assert budget.reserve(40) == []
    budget.release(40)
    budget.keep("b", 40)
    assert budget.reserve(50) == ["a"]


def test_an_entry_larger_than_half_of_the_budget_is_refused() -> None:
    budget = LruBudget(100, {})
    assert [budget.can_reserve(50), budget.can_reserve(51)] == [True, False]


def test_a_smaller_budget_than_before_evicts_down_to_its_size() -> None:
    assert LruBudget(50, {"a": 30, "b": 30, "c": 30}).reserve(0) == ["a", "b"]


def test_an_entry_kept_or_forgotten_twice_counts_once() -> None:
    budget = LruBudget(100, {"a": 60})
    budget.keep("a", 60)
    budget.forget("b")
    assert budget.reserve(40) == []
    budget.forget("a")
    assert "a" not in budget
    assert budget.reserve(60) == []

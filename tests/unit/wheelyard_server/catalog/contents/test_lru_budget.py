from wheelyard_server.catalog.contents.lru_budget import LruBudget


def test_the_least_recently_used_go_first_and_no_more_than_must() -> None:
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


def test_what_was_kept_after_its_reservation_makes_room_again() -> None:
    budget = LruBudget(100, {"a": 60})
    assert budget.reserve(40) == []
    budget.release(40)
    budget.keep("b", 40)
    assert budget.reserve(50) == ["a"]


def test_a_file_as_large_as_most_of_the_space_is_not_taken() -> None:
    budget = LruBudget(100, {})
    assert [budget.can_reserve(50), budget.can_reserve(51)] == [True, False]


def test_a_smaller_space_than_before_is_emptied_down_to_its_size() -> None:
    assert LruBudget(50, {"a": 30, "b": 30, "c": 30}).reserve(0) == ["a", "b"]


def test_an_entry_kept_or_forgotten_twice_counts_once() -> None:
    budget = LruBudget(100, {"a": 60})
    budget.keep("a", 60)
    budget.forget("b")
    assert budget.reserve(40) == []
    budget.forget("a")
    assert "a" not in budget
    assert budget.reserve(60) == []

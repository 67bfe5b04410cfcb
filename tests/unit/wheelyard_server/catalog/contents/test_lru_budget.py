from wheelyard_server.catalog.contents.lru_budget import Space


def test_the_least_recently_used_go_first_and_no_more_than_must() -> None:
    space = Space(100, {"a": 30, "b": 30, "c": 30})
    space.use("a")
    assert space.reserve(20) == ["b"]
    assert [key in space for key in "abc"] == [True, False, True]


def test_what_is_on_its_way_counts() -> None:
    space = Space(100, {})
    assert [space.takes(40), space.reserve(40), space.takes(40), space.reserve(40)] == [True, [], True, []]
    assert not space.takes(40)
    space.release(40)
    assert space.takes(40)


def test_what_was_kept_after_its_reservation_makes_room_again() -> None:
    space = Space(100, {"a": 60})
    assert space.reserve(40) == []
    space.release(40)
    space.keep("b", 40)
    assert space.reserve(50) == ["a"]


def test_a_file_as_large_as_most_of_the_space_is_not_taken() -> None:
    space = Space(100, {})
    assert [space.takes(50), space.takes(51)] == [True, False]


def test_a_smaller_space_than_before_is_emptied_down_to_its_size() -> None:
    assert Space(50, {"a": 30, "b": 30, "c": 30}).reserve(0) == ["a", "b"]


def test_what_is_forgotten_or_kept_twice_counts_once() -> None:
    space = Space(100, {"a": 60})
    space.keep("a", 60)
    space.forget("b")
    assert space.reserve(40) == []
    space.forget("a")
    assert "a" not in space
    assert space.reserve(60) == []

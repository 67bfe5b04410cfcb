from wheelyard_server.readmes.turns import Turns


def taken(turns: Turns[str]) -> list[str]:
    return [turns.next() for _ in range(len(turns))]


def test_uploaders_take_turns_and_texts_of_one_keep_their_order() -> None:
    turns: Turns[str] = Turns(8)
    for item in ("a1", "a2", "a3", "b1", "c1", "b2"):
        assert turns.add(item[0], item) is None
    assert taken(turns) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_no_uploader_keeps_the_others_out() -> None:
    turns: Turns[str] = Turns(4)
    for item in ("a1", "a2", "a3", "a4"):
        turns.add("a", item)
    assert turns.add("a", "a5") == "a5"
    assert turns.add("b", "b1") == "a4"
    assert turns.add("c", "c1") == "a3"
    assert turns.add("b", "b2") == "b2"
    assert taken(turns) == ["a1", "b1", "c1", "a2"]


def test_a_queue_of_others_takes_one_of_each_and_no_more() -> None:
    turns: Turns[str] = Turns(2)
    turns.add("a", "a1")
    turns.add("b", "b1")
    assert turns.add("c", "c1") == "c1"
    assert len(turns) == 2

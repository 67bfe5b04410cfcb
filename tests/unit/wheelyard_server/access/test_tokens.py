from hypothesis import strategies as st

from support.properties import given
from wheelyard_server.access import tokens


def test_a_made_token_is_well_formed_and_no_two_are_the_same() -> None:
    made = {tokens.make() for _ in range(100)}
    assert len(made) == 100
    assert all(tokens.is_well_formed(token) for token in made)


def test_one_changed_character_is_noticed() -> None:
    token = tokens.make()
    for place in range(len(token)):
        changed = token[:place] + ("x" if token[place] != "x" else "y") + token[place + 1 :]
        assert not tokens.is_well_formed(changed)


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    assert not tokens.is_well_formed(text)

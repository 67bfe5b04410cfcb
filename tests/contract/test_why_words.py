"""`wheelyard why` and `kubectl wheelyard why` say the same: the two programs share no code."""

from typing import Any

from hypothesis import strategies as st

from support.properties import given
from wheelyard_operator.kubectl.decisions import explained
from wheelyard_server.commands.why import shown

WORDS = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=5)
MAYBE = st.none() | WORDS
EXCEPTION = st.fixed_dictionaries({"reason": WORDS, "until": WORDS, "approvedBy": MAYBE, "source": MAYBE})
OBJECTION = st.fixed_dictionaries(
    {
        "rule": WORDS,
        "action": st.sampled_from(["Block", "Report"]),
        "reason": WORDS,
        "advisories": st.lists(WORDS, max_size=2),
        "exception": st.none() | EXCEPTION,
    }
)
VERDICT = st.fixed_dictionaries(
    {"listed": st.booleans(), "served": st.booleans(), "rule": MAYBE, "reason": MAYBE, "until": MAYBE}
)
FILE = st.fixed_dictionaries({"filename": WORDS, "verdict": VERDICT, "objections": st.lists(OBJECTION, max_size=2)})
ANSWER = st.fixed_dictionaries(
    {
        "name": WORDS,
        "upstream": MAYBE,
        "onName": VERDICT,
        "notes": st.lists(WORDS, max_size=2),
        "files": st.lists(FILE, max_size=3),
    }
)


@given(ANSWER)
def test_both_commands_explain_an_answer_in_the_same_words(answer: Any) -> None:
    assert list(explained(answer)) == shown(answer).split("\n")

"""The verdict is the fold of all objections, and its end is exact."""

from datetime import timedelta

from hypothesis import strategies as st

from support.policies import NOW
from support.properties import given
from wheelyard_server.policy.objection import Objection, fold, in_order
from wheelyard_server.policy.verdict import PERMITTED, Rule
from wheelyard_server.settings.policy import Action, ExceptableRule, PolicyException, Until

MOMENTS = st.integers(-5, 5).map(lambda hours: NOW + timedelta(hours=hours))
EXCEPTIONS = st.builds(
    PolicyException,
    packages=st.just(("demo",)),
    rules=st.just((ExceptableRule.COOLDOWN,)),
    until=MOMENTS.map(lambda moment: Until.fromisoformat(moment.isoformat())),
    reason=st.sampled_from(["SEC-1", "SEC-2"]),
)
OBJECTIONS = st.builds(
    Objection,
    st.sampled_from(Rule),
    st.sampled_from(["one sentence", "another"]),
    st.sampled_from([Action.BLOCK, Action.REPORT]),
    since=st.none() | MOMENTS,
    until=st.none() | MOMENTS,
    advisories=st.sampled_from([(), ("GHSA-1",), ("GHSA-2",)]),
    exception=st.none() | EXCEPTIONS,
    is_served=st.booleans(),
)


@given(st.lists(OBJECTIONS, max_size=6))
def test_nothing_changes_before_the_end_of_a_verdict_and_something_at_it(objections: list[Objection]) -> None:
    objections = list(in_order(objections))
    found = fold(objections, NOW)
    moments = [NOW + timedelta(minutes=minutes) for minutes in range(0, 6 * 60, 30)]
    changed = [
        moment for moment in moments if fold(objections, moment)._replace(until=None) != found._replace(until=None)
    ]
    assert found.until == next(iter(changed), None)


@given(st.lists(OBJECTIONS, max_size=6))
def test_a_file_is_served_unless_an_objection_that_blocks_stands(objections: list[Objection]) -> None:
    found = fold(in_order(objections), NOW)
    standing = [each for each in in_order(objections) if each.holds(NOW) and not each.is_lifted(NOW)]
    blocking = [each for each in standing if each.action is Action.BLOCK]
    refusing = [each for each in blocking if not each.is_served]
    assert found.is_served is (not refusing)
    assert found.is_listed is (not blocking)
    if refusing:
        assert (found.rule, found.reason) == (refusing[0].rule, refusing[0].reason)
        assert (found.reported, found.exception) == ((), "")
    else:
        assert set(found.reported) == {each.rule for each in standing if each.action is Action.REPORT}


@given(st.lists(OBJECTIONS, max_size=6))
def test_the_order_in_which_rules_were_asked_does_not_matter(objections: list[Objection]) -> None:
    distinct = list({each.rule: each for each in objections}.values())
    assert fold(in_order(distinct), NOW) == fold(in_order(reversed(distinct)), NOW)


def test_no_objection_is_permission() -> None:
    assert fold((), NOW) is PERMITTED


def test_a_file_that_is_gone_is_refused_all_the_same_if_it_is_malware() -> None:
    """U9: gone files are served for those who pinned them, unless something refuses them."""
    gone = Objection(Rule.DIGEST, "gone", is_served=True)
    found = fold(in_order([gone, Objection(Rule.COOLDOWN, "young")]), NOW)
    assert (found.is_served, found.rule) == (False, Rule.COOLDOWN)
    found = fold(in_order([gone, Objection(Rule.COOLDOWN, "young", Action.REPORT)]), NOW)
    assert (found.is_listed, found.is_served, found.rule, found.reported) == (
        False,
        True,
        Rule.DIGEST,
        (Rule.COOLDOWN,),
    )

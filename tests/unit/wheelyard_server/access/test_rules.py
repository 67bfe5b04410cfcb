from collections.abc import Iterator
from re import _parser as parser
from re._constants import (  # type: ignore[import-not-found]
    ANY,
    AT,
    ATOMIC_GROUP,
    BRANCH,
    IN,
    LITERAL,
    MAX_REPEAT,
    MIN_REPEAT,
    SUBPATTERN,
)
from re._parser import SubPattern  # type: ignore[import-not-found]

import msgspec
import pytest
from hypothesis import example
from hypothesis import strategies as st

from support.properties import given
from wheelyard_server.access.rules import ANONYMOUS, Grant, Method, Principal, Rules, Verb, _pattern
from wheelyard_server.names import parse_project_name

JENKINS = Principal.of_user("ci.jenkins", ["publishers"], Method.TOKEN)
READER = Principal.of_user("web.reader", [], Method.TOKEN)


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("anonymous", {ANONYMOUS, JENKINS, READER}),
        ("authenticated", {JENKINS, READER}),
        ("user:ci.jenkins", {JENKINS}),
        ("group:publishers", {JENKINS}),
        ("group:others", set()),
    ],
)
def test_a_grant_is_for_its_subjects(subject: str, allowed: set[Principal]) -> None:
    rules = Rules((Grant(subjects=(subject,), verbs=(Verb.READ,)),))
    project = parse_project_name("demo")
    assert {p for p in (ANONYMOUS, JENKINS, READER) if rules.allows(p, Verb.READ, project)} == allowed
    assert {p for p in (ANONYMOUS, JENKINS, READER) if rules.allows_some(p, Verb.READ)} == allowed


@pytest.mark.parametrize(
    ("packages", "project", "covered"),
    [
        (("*",), "demo", True),
        (("acme-*",), "acme-demo", True),
        (("acme-*",), "acme", False),
        (("acme-*",), "not-acme-demo", False),
        (("a", "b"), "b", True),
        (("a",), "ab", False),
        ((), "demo", False),
    ],
)
def test_a_grant_is_for_its_packages(packages: tuple[str, ...], project: str, covered: bool) -> None:  # noqa: FBT001
    rules = Rules((Grant(subjects=("anonymous",), verbs=(Verb.READ,), packages=packages),))
    assert rules.allows(ANONYMOUS, Verb.READ, parse_project_name(project)) is covered


def repeats(pattern: SubPattern) -> Iterator[bool]:
    """For every repetition of no certain length outside of atomic groups: whether it is the alternative's last."""
    for operation, argument in pattern:
        if operation is BRANCH:
            for each in argument[1]:
                yield from repeats(each)
        elif operation is SUBPATTERN:
            yield from repeats(argument[-1])
        elif operation in {MAX_REPEAT, MIN_REPEAT}:
            yield True
        else:
            assert operation in {ATOMIC_GROUP, LITERAL, ANY, AT, IN}, operation


@given(st.lists(st.text("a*?", max_size=20), min_size=1, max_size=3))
@example(["*a*a*a*a*a*a*a*ab", "*?" * 60])
def test_no_star_but_the_last_of_a_glob_is_tried_again(globs: list[str]) -> None:
    """So the steps of a match are at most len(glob) * len(name): counted in the pattern, not by a clock."""
    assert sum(repeats(parser.parse(_pattern(tuple(globs)).pattern))) <= len(globs)


@pytest.mark.parametrize("glob", ["*a" * 9, "a" * 129])
def test_globs_are_bounded(glob: str) -> None:
    body = {"subjects": ["anonymous"], "verbs": ["read"]}
    for field in ("packages", "within"):
        with pytest.raises(msgspec.ValidationError, match=rf"\$\.{field}\[0\]"):
            msgspec.convert({**body, field: [glob]}, Grant)
        assert msgspec.convert({**body, field: ["*a" * 8, "a" * 128]}, Grant)


def test_reading_is_not_publishing_and_the_union_counts() -> None:
    read = Grant(subjects=("anonymous",), verbs=(Verb.READ,))
    publish = Grant(subjects=("user:ci.jenkins",), verbs=(Verb.PUBLISH,), packages=("acme-*",))
    rules = Rules((read, publish))
    acme, other = parse_project_name("acme-a"), parse_project_name("other")
    assert rules.allows(JENKINS, Verb.READ, other)
    assert rules.allows(JENKINS, Verb.PUBLISH, acme)
    assert not rules.allows(JENKINS, Verb.PUBLISH, other)
    assert not rules.allows(ANONYMOUS, Verb.PUBLISH, acme)


def test_without_grants_no_user_has_any_right() -> None:
    assert not Rules().allows(JENKINS, Verb.READ, parse_project_name("demo"))
    assert not Rules().allows_some(JENKINS, Verb.READ)


READ_DEMO = Grant(subjects=("anonymous", "group:publishers"), verbs=(Verb.READ,))
READ_AUTHENTICATED = Grant(subjects=("authenticated",), verbs=(Verb.READ,))


@pytest.mark.parametrize(
    ("external_grants", "outside"),
    [
        ((), {JENKINS}),
        ((READ_AUTHENTICATED,), {JENKINS, READER}),
        ((READ_DEMO,), {ANONYMOUS, JENKINS, READER}),
    ],
)
def test_anonymous_rights_inside_the_cluster_do_not_apply_outside(
    external_grants: tuple[Grant, ...], outside: set[Principal]
) -> None:
    rules = Rules((READ_DEMO,), external_grants)
    demo, everybody = parse_project_name("demo"), (ANONYMOUS, JENKINS, READER)
    assert {each for each in everybody if rules.allows(each, Verb.READ, demo)} == set(everybody)
    assert {each for each in everybody if rules.external.allows(each, Verb.READ, demo)} == outside
    assert {each for each in everybody if rules.external.allows_some(each, Verb.READ)} == outside


def test_a_limited_grant_covers_what_both_match() -> None:
    grant = Grant(
        subjects=("authenticated",), verbs=(Verb.READ,), packages=("*-lib", "demo"), within=("acme-*", "x")
    )
    covered = [
        name
        for name in ("acme-lib", "demo", "other-lib", "acme-app", "x")
        if grant.covers(parse_project_name(name))
    ]
    assert covered == ["acme-lib"]

import pytest

from wheelyard_server.access.rules import ANONYMOUS, Grant, Method, Principal, Rules, Verb
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


def test_reading_is_not_publishing_and_the_union_counts() -> None:
    read = Grant(subjects=("anonymous",), verbs=(Verb.READ,))
    publish = Grant(subjects=("user:ci.jenkins",), verbs=(Verb.PUBLISH,), packages=("acme-*",))
    rules = Rules((read, publish))
    acme, other = parse_project_name("acme-a"), parse_project_name("other")
    assert rules.allows(JENKINS, Verb.READ, other)
    assert rules.allows(JENKINS, Verb.PUBLISH, acme)
    assert not rules.allows(JENKINS, Verb.PUBLISH, other)
    assert not rules.allows(ANONYMOUS, Verb.PUBLISH, acme)


def test_without_grants_nobody_may_do_anything() -> None:
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
def test_outside_nobody_has_a_right_because_pods_inside_have_it(
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

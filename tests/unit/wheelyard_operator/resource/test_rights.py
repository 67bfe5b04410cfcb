from fnmatch import fnmatchcase
from typing import Any

from hypothesis import strategies as st

from support.properties import given
from unit.wheelyard_operator.fakes import a_user, an_index
from wheelyard_operator.resource import PackageIndex
from wheelyard_operator.resource.rights import all_grants, refused, rights

ALL = ["read", "publish", "yank", "delete", "manage"]


def index(given: list[Any] | None = None, /, **maximum: Any) -> PackageIndex:
    return an_index(access={"grants": given or [], "users": {"namespaces": {"from": "All"}, "maximum": maximum}})


def test_a_user_in_the_namespace_of_the_index_gets_all_that_it_requests() -> None:
    user = a_user(groups=["admins"], grants=[{"verbs": ALL}])
    own = rights(index(), user)
    assert (own.groups, own.grants, refused(index(), user)) == (("admins",), user.grants, ())


def test_users_of_other_namespaces_get_nothing_by_default() -> None:
    user = a_user(namespace="ci", groups=["admins"], grants=[{"verbs": ["read", "delete"]}])
    own = rights(index(), user)
    assert (own.groups, own.grants) == ((), ())
    assert refused(index(), user) == ("group admins", "read, delete: *")


def test_within_the_maximum_nothing_is_refused() -> None:
    here = index(groups=["publishers"], grants=[{"packages": ["acme-*"], "verbs": ["read", "publish"]}])
    user = a_user(namespace="ci", groups=["publishers"], grants=[{"packages": ["acme-x*"], "verbs": ["read"]}])
    own = rights(here, user)
    assert (own.groups, refused(here, user)) == (("publishers",), ())
    (grant,) = own.grants
    assert (grant.verbs, grant.packages, grant.within) == (("read",), ("acme-x*",), ("acme-*",))


def test_only_the_part_within_the_maximum_is_granted() -> None:
    here = index(grants=[{"packages": ["acme-*"], "verbs": ["publish"]}, {"packages": ["*"], "verbs": ["read"]}])
    user = a_user(namespace="ci", grants=[{"packages": ["*"], "verbs": ALL}])
    assert [(grant.verbs, grant.packages, grant.within) for grant in rights(here, user).grants] == [
        (("read",), ("*",), ("*",)),
        (("publish",), ("*",), ("acme-*",)),
    ]
    assert refused(here, user) == ("read, publish, yank, delete, manage: *",)


def test_all_grants_of_a_user_are_found() -> None:
    given_by_index = [
        {"subjects": ["anonymous"], "verbs": ["read"]},
        {"subjects": ["group:publishers"], "verbs": ["publish"], "packages": ["shared"]},
        {"subjects": ["user:ci.jenkins"], "verbs": ["yank"]},
        {"subjects": ["user:ci.other", "group:others"], "verbs": ["delete"]},
    ]
    user = a_user(namespace="ci", groups=["publishers"], grants=[{"verbs": ["manage"]}])
    here = index(given_by_index, groups=["publishers"], grants=[{"verbs": ["manage"]}])
    assert [str(grant) for grant in all_grants(here, user)] == [
        "read: *",
        "publish: shared",
        "yank: *",
        "manage: *",
    ]
    assert [str(grant) for grant in all_grants(index(given_by_index), user)] == ["read: *", "yank: *"]


def test_many_grants_within_many_grants_are_one_for_each_verb() -> None:
    """Not one for each pair: 20 grants within 20 would be 400, each with all the globs of both."""
    many = [{"packages": [f"a{number}-*"], "verbs": ["read", "publish"]} for number in range(20)]
    here = index(grants=[*many, {"packages": ["*"], "verbs": ["read"]}])
    both, names = rights(here, a_user(namespace="ci", grants=many)).grants, tuple(f"a{n}-*" for n in range(20))
    assert [(each.verbs, each.packages, each.within) for each in both] == [
        (("read",), names, ("*",)),
        (("publish",), names, names),
    ]


VERBS = st.lists(st.sampled_from(["read", "publish"]), min_size=1, unique=True)
GRANTS = st.lists(
    st.fixed_dictionaries(
        {"verbs": VERBS, "packages": st.lists(st.text("ab*", min_size=1, max_size=3), min_size=1, max_size=3)}
    ),
    max_size=3,
)


@given(GRANTS, GRANTS, st.sampled_from(["read", "publish"]), st.text("ab", min_size=1, max_size=4))
def test_a_user_may_do_what_its_grants_and_the_maximum_both_allow(
    own: list[Any], maximum: list[Any], verb: str, name: str
) -> None:
    def allows(grant: Any) -> bool:
        return verb in grant["verbs"] and any(fnmatchcase(name, glob) for glob in grant["packages"])

    counts = rights(index(grants=maximum), a_user(namespace="ci", grants=own)).grants
    assert any(
        verb in grant.verbs
        and any(fnmatchcase(name, glob) for glob in grant.packages)
        and any(fnmatchcase(name, glob) for glob in grant.within)
        for grant in counts
    ) is (any(map(allows, own)) and any(map(allows, maximum)))


def test_grants_that_take_too_long_to_compare_are_reported_as_limited() -> None:
    globs = ["*" + "a*" * 7 + "b" * 90 + str(number) for number in range(30)]
    here = index(grants=[{"packages": globs, "verbs": ["read"]}])
    few, many = ([{"packages": [globs[0]] * count, "verbs": ["read"]}] for count in (1, 30))
    assert refused(here, a_user(namespace="ci", grants=few)) == ()
    assert len(refused(here, a_user(namespace="ci", grants=many))) == 1


def test_only_a_glob_beyond_the_bounds_has_no_effect() -> None:
    wild = "*a" * 9
    user = a_user(grants=[{"packages": [wild, "acme-*"], "verbs": ["read"]}])
    (grant,) = rights(index(), user).grants
    assert (grant.packages, grant.ignored) == (("acme-*",), (wild,))

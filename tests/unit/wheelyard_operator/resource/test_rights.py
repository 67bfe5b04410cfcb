from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.wheelyard_operator.fakes import a_user, an_index
from wheelyard_operator.resource import PackageIndex
from wheelyard_operator.resource.access import includes
from wheelyard_operator.resource.rights import all_grants, rights

ALL = ["read", "publish", "yank", "delete", "manage"]


def index(given: list[Any] | None = None, /, **maximum: Any) -> PackageIndex:
    return an_index(access={"grants": given or [], "users": {"namespaces": {"from": "All"}, "maximum": maximum}})


def test_a_user_of_the_indexs_own_namespace_is_taken_by_its_word() -> None:
    user = a_user(groups=["admins"], grants=[{"verbs": ALL}])
    own = rights(index(), user)
    assert (own.groups, own.grants, own.refused) == (("admins",), user.grants, ())


def test_others_give_themselves_nothing_by_default() -> None:
    own = rights(index(), a_user(namespace="ci", groups=["admins"], grants=[{"verbs": ["read", "delete"]}]))
    assert (own.groups, own.grants) == ((), ())
    assert own.refused == ("group admins", "read, delete: *")


def test_within_the_maximum_nothing_is_refused() -> None:
    here = index(groups=["publishers"], grants=[{"packages": ["acme-*"], "verbs": ["read", "publish"]}])
    own = rights(
        here, a_user(namespace="ci", groups=["publishers"], grants=[{"packages": ["acme-x*"], "verbs": ["read"]}])
    )
    assert (own.groups, own.refused) == (("publishers",), ())
    (grant,) = own.grants
    assert (grant.verbs, grant.packages, grant.within) == (("read",), ("acme-x*",), ("acme-*",))


def test_what_is_beyond_counts_only_within() -> None:
    here = index(grants=[{"packages": ["acme-*"], "verbs": ["publish"]}, {"packages": ["*"], "verbs": ["read"]}])
    own = rights(here, a_user(namespace="ci", grants=[{"packages": ["*"], "verbs": ALL}]))
    assert [(grant.verbs, grant.packages, grant.within) for grant in own.grants] == [
        (("publish",), ("*",), ("acme-*",)),
        (("read",), ("*",), ("*",)),
    ]
    assert own.refused == ("read, publish, yank, delete, manage: *",)


def test_all_that_a_user_may_do() -> None:
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


@pytest.mark.parametrize(
    ("outer", "inner", "included"),
    [
        ("*", "*", True),
        ("acme-*", "acme-lib", True),
        ("acme-*", "acme-*", True),
        ("acme-*", "acme-?", True),
        ("acme-*", "*", False),
        ("acme-*", "acme*", False),
        ("a?c", "abc", True),
        ("a?c", "a?c", True),
        ("a?c", "a*c", False),
        ("a*c", "a*b*c", True),
        ("a.c", "abc", False),
    ],
)
def test_globs_in_globs(outer: str, inner: str, *, included: bool) -> None:
    assert includes(outer, inner) is included


GLOBS = st.text("ab-*?", min_size=1, max_size=5)


@given(GLOBS, GLOBS, st.text("ab-", max_size=6))
def test_a_glob_that_is_included_matches_no_more(outer: str, inner: str, name: str) -> None:
    if includes(outer, inner) and fnmatchcase(name, inner):
        assert fnmatchcase(name, outer)

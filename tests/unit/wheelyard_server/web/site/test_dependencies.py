"""Dependencies by the extra that asks for them."""

import pytest

from wheelyard_server.web.site.dependencies import MAX_DEPENDENCIES, Dependency, dependencies


@pytest.mark.parametrize(
    ("required", "extra", "label", "rest"),
    [
        ("Foo_Bar", "", "Foo_Bar", ""),
        ("foo (>=1,<2)", "", "foo", " <2,>=1"),
        ("foo[a,b]>=1", "", "foo", "[a,b] >=1"),
        ('foo; extra == "web"', "web", "foo", ""),
        ("foo; python_version < '3.12' and extra == 'web'", "web", "foo", '; python_version < "3.12"'),
        ("foo; sys_platform == 'win32'", "", "foo", '; sys_platform == "win32"'),
        ("foo @ https://example.com/foo.whl", "", "foo", " @ https://example.com/foo.whl"),
    ],
)
def test_a_requirement_has_a_name_and_the_rest(required: str, extra: str, label: str, rest: str) -> None:
    (group,) = dependencies([required]).groups
    (found,) = group.dependencies
    assert (group.extra, found.label, found.rest) == (extra, label, rest)


@pytest.mark.parametrize("required", ["<script>", "a" * 600, "foo; " + "(" * 200, ""])
def test_what_is_no_requirement_is_text(required: str) -> None:
    (group,) = dependencies([required]).groups
    assert group.dependencies[0].name is None
    assert len(group.dependencies[0].label) <= 500


def test_those_that_are_always_installed_come_first_and_names_are_normalized() -> None:
    found = dependencies(['b; extra == "x"', "A.a", 'c; extra == "w"'])
    assert [group.extra for group in found.groups] == ["", "w", "x"]
    assert found.groups[0].dependencies == (Dependency("A.a", found.groups[0].dependencies[0].name, ""),)
    assert found.names == {"a-a", "b", "c"}


def test_the_rest_of_many_is_counted() -> None:
    found = dependencies([f"a{number}" for number in range(MAX_DEPENDENCIES + 7)])
    assert (len(found.names), found.omitted) == (MAX_DEPENDENCIES, 7)

"""The commands of each installer."""

import pytest

from wheelyard_server.web.site.install_commands import Index, index_at, installers


@pytest.mark.parametrize(
    ("index", "name"),
    [
        ("team/internal", "internal"),
        ("", "wheelyard"),
        ("team/pypi", "team-pypi"),
        ("pypi", "pypi-index"),
        ("a/B.c", "b-c"),
    ],
)
def test_the_name_of_the_index_is_valid_for_every_installer(index: str, name: str) -> None:
    assert index_at("https://pypi.example.com/team", index) == Index(name, "https://pypi.example.com/team/simple/")


def test_a_version_is_pinned_and_quoted_for_shells() -> None:
    index = index_at("https://pypi.example.com", "")
    last = [each.commands[-1].rpartition(" ")[2] for each in installers(index, "demo", "1!2.0+local")]
    assert last == ["'demo==1!2.0+local'"] * 4
    assert [each.commands[-1].rpartition(" ")[2] for each in installers(index, "demo")] == ["demo"] * 4


def test_every_installer_but_pip_has_a_command_for_its_login() -> None:
    found = {
        each.name: each.login for each in installers(index_at("https://pypi.example.com", "a/my-index"), "demo")
    }
    assert found == {
        "uv": ("export UV_INDEX_MY_INDEX_USERNAME=USER UV_INDEX_MY_INDEX_PASSWORD=TOKEN",),
        "pip": (),
        "poetry": ("poetry config http-basic.my-index USER TOKEN",),
        "pdm": ("pdm config pypi.username USER", "pdm config pypi.password TOKEN"),
    }

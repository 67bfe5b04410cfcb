"""A login leads to no other site, whatever browsers make of a URL."""

import pytest

from wheelyard_server.web.site.next_paths import MAX_LENGTH, next_path


@pytest.mark.parametrize(
    "path",
    ["/", "/projects/?q=flask&page=2", "/project/flask/3.1.0/", "/project/a/1.0+local/", "/projects/?q=%C3%A9"],
)
def test_a_path_of_this_index_is_kept(path: str) -> None:
    assert next_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "projects/",
        "//evil.example.com/",
        "///evil.example.com/",
        "/\\evil.example.com/",
        "\\\\evil.example.com/",
        "/\t/evil.example.com/",
        "/\n/evil.example.com/",
        " /project/a/",
        "https://evil.example.com/",
        "https:evil.example.com",
        "javascript:alert(1)",
        "/project/a/;url=https://evil.example.com",
        "/'><script>",
        '/"><script>',
        "/#fragment",
        "/é",
        "/../outside/",
        "/a/..",
        "/" + "a" * MAX_LENGTH,
    ],
)
def test_anything_else_is_the_front_page(path: str) -> None:
    assert next_path(path) == "/"


@pytest.mark.parametrize("path", ["/login/", "/login", "/login/oidc/?silent", "/logout/", "/login?next=/"])
def test_a_login_leads_to_no_login(path: str) -> None:
    assert next_path(path) == "/"


@pytest.mark.parametrize("path", ["/login-tools/", "/project/login/"])
def test_a_project_may_be_called_like_a_login(path: str) -> None:
    assert next_path(path) == path

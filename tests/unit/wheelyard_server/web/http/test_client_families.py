import pytest

from wheelyard_server.web.http.client_families import family


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ('pip/26.1 {"ci":null,"implementation":{"name":"CPython"}}', "pip"),
        ('uv/0.9.13 {"installer":{"name":"uv"}}', "uv"),
        ("twine/6.2.0 requests/2.32.5 CPython/3.13.5", "twine"),
        ("poetry/2.2.1 CPython/3.13.5 Linux/6", "poetry"),
        ("Hatch/1.16.0", "hatch"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/145.0", "browser"),
        ("python-requests/2.32.5", "other"),
        ("pipsqueak/1", "other"),
        ("", "other"),
    ],
)
def test_a_client_is_of_the_family_that_it_names(user_agent: str, expected: str) -> None:
    assert family(user_agent) == expected

"""URLs as requests are sent to them."""

import pytest
from hypothesis import strategies

from support.properties import given
from wheelyard_server.upstream import urls
from wheelyard_server.upstream.urls import Origin


@pytest.mark.parametrize(
    "text",
    [
        "https://files.example.com/a/torch-2.0%2Bcu124-cp311.whl",
        "https://files.example.com/a/torch-2.0+cu124-cp311.whl",
        "https://files.example.com:8443/a%21/%7Eb/c?X-Amz-Signature=a%2Fb%3D&x=y",
        "https://[2001:db8::1]:8443/a",
        "http://10.0.0.1/a//b/../c",
        "https://xn--bcher-kva.example.com/a",
        "https://xn--a/a",
    ],
)
def test_t18_the_bytes_of_a_path_stay_as_they_are(text: str) -> None:
    assert str(urls.parse(text)) == text


@given(strategies.text(strategies.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?#")))
def test_t18_any_path_stays_as_it_is(path: str) -> None:
    assert urls.parse(f"https://files.example.com/{path}").raw_path == f"/{path}"


def test_other_characters_than_visible_ones_are_quoted() -> None:
    assert (
        str(urls.parse("https://files.example.com/a b\r\nX: y/ä"))
        == "https://files.example.com/a%20b%0D%0AX:%20y/%C3%A4"
    )


def test_users_passwords_and_fragments_are_dropped() -> None:
    assert str(urls.parse("https://me:secret@files.example.com/a#sha256=b")) == "https://files.example.com/a"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/a",
        "//files.example.com/a",
        "ftp://files.example.com/a",
        "file:///etc/passwd",
        "https:///a",
        "https://",
        "https://good.example.com\\@evil.example.com/a",
        "https://a b/",
        "https://ex%61mple.com/",
        "https://ex\nample.com/",
        "https://example.com./",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://files.example.com:99999/",
        "https://files.example.com:x/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "https://a..example.com/",
        "https://.example.com/",
        "https://-a.example.com/",
        f"https://{'a' * 64}.example.com/",
        f"https://{'a.' * 130}example.com/",
        "http://127.0.0.0x1/",
        "http://[::FFFF:127.0.0.1]/a\udc80",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        urls.parse(text)


def test_an_origin_has_a_host_in_lower_case_and_a_port() -> None:
    assert urls.origin(urls.parse("https://Files.Example.com/A")) == Origin("https", "files.example.com", 443)
    assert urls.origin(urls.parse("http://files.example.com/A")).port == 80
    assert urls.origin(urls.parse("https://files.example.com:443/")).name == "files.example.com"
    assert urls.origin(urls.parse("https://[fd00::1]:8443/")).name == "[fd00::1]:8443"


@pytest.mark.parametrize(
    ("reference", "joined"),
    [
        ("/b%2Bc/", "https://files.example.com/b%2Bc/"),
        ("../b/", "https://files.example.com/b/"),
        (" b ", "https://files.example.com/a/b"),
        ("//other.example.com/", "https://other.example.com/"),
        ("http://u:p@other.example.com/x", "http://other.example.com/x"),
    ],
)
def test_redirects_are_relative_to_the_request(reference: str, joined: str) -> None:
    assert str(urls.joined(urls.parse("https://files.example.com/a/"), reference)) == joined

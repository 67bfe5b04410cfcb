"""Core metadata as pages show it: bounded and harmless."""

import pytest

from support.distributions import metadata
from wheelyard_server.web.site.described import (
    MAX_CLASSIFIERS,
    MAX_LINKS,
    MAX_TEXT_LENGTH,
    Described,
    Link,
    described,
    is_followed,
)


def of(headers: str = "", name: str = "demo") -> Described:
    return described(metadata(name, "1.0", headers).encode(), "demo")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "//example.com/",
        "/project/other/",
        "https:",
        "https:/example.com",
        "mailto:",
        "https://[",
        "https://example.com/\u202e",
        "https://example.com/" + "a" * 2000,
        "",
    ],
)
def test_what_could_act_on_the_page_is_no_link(url: str) -> None:
    assert not is_followed(url)
    assert of(f"Project-URL: A, {url.splitlines()[0] if url else ''}\n").links == ()


def test_links_have_their_labels_and_each_url_is_there_once() -> None:
    found = of(
        "Home-page: https://example.com/\nProject-URL: Home, https://example.com/\n"
        "Project-URL: Mail, mailto:a@example.com\nDownload-URL: http://example.com/x\n"
    )
    assert found.links == (
        Link("Home", "https://example.com/"),
        Link("Mail", "mailto:a@example.com"),
        Link("Download", "http://example.com/x"),
    )


def test_the_name_is_shown_as_its_author_spells_it_but_never_as_another_one() -> None:
    assert of(name="De.Mo").label == "demo"
    assert described(metadata("De.Mo", "1.0").encode(), "de-mo").label == "De.Mo"


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ("License-Expression: MIT\nLicense: Other\n", "MIT"),
        ("License: BSD\n        and its whole text\n", "BSD"),
        ("License: UNKNOWN\n", ""),
        ("", ""),
    ],
)
def test_the_license_is_one_line(headers: str, shown: str) -> None:
    assert of(headers).license == shown


def test_authors_and_maintainers_are_texts() -> None:
    found = of("Author: Ada\nAuthor-email: Ada <a@example.com>\nMaintainer: Ada\nMaintainer-email: UNKNOWN\n")
    assert found.authors == ("Ada", "Ada <a@example.com>")


def test_every_list_and_text_has_a_bound() -> None:
    headers = "".join(f"Classifier: {number}\n" for number in range(MAX_CLASSIFIERS + 5))
    headers += "".join(f"Project-URL: {number}, https://example.com/{number}\n" for number in range(MAX_LINKS + 5))
    found = of(f"{headers}\n{'a' * (MAX_TEXT_LENGTH + 100)}")
    assert (len(found.classifiers), found.omitted_classifiers) == (MAX_CLASSIFIERS, 5)
    assert len(found.links) == MAX_LINKS
    assert len(found.description) == MAX_TEXT_LENGTH


def test_metadata_that_cannot_be_read_describes_nothing() -> None:
    assert described(b"\xff\x00", "demo").summary == ""

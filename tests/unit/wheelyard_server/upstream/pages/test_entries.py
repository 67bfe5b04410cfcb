"""Single values of entries."""

from urllib.parse import urljoin

import pytest
from hypothesis import example
from hypothesis import strategies as st

from support.properties import given
from wheelyard_server.upstream.pages.entries import absolute_url

BASES = st.sampled_from(
    [
        "https://index.example.com/simple/demo/",
        "https://index.example.com/simple/demo",
        "https://index.example.com",
        "http://index.example.com:8080/a/b/c/?d=/e/f",
    ]
)
PARTS = st.sampled_from(["..", ".", "", "a", "b.whl", "%2E%2E", "c;d", "e:f", "g?h=i", "+~_=@,-", "...", ".j"])
REFERENCES = st.lists(PARTS, min_size=1, max_size=6).map("/".join)


@given(BASES, REFERENCES)
@example("https://index.example.com/simple/demo/", "../../../../files/demo-1.0.tar.gz")
@example("https://index.example.com/simple/demo/", "/files/demo-1.0.tar.gz")
@example("https://index.example.com/simple/demo/", "//other.example.com/demo-1.0.tar.gz")
def test_a_reference_is_resolved_as_the_standard_library_resolves_it(base: str, reference: str) -> None:
    """RFC 3986, section 5.2, also for the references that are resolved without it."""
    if reference:
        assert absolute_url(base, reference) in (urljoin(base, reference), None)


@pytest.mark.parametrize(
    "reference", ["demo-1.0.tar.gz", "../a/demo-1.0.tar.gz", "/a/demo-1.0+b.tar.gz", "%2E%2E/a"]
)
def test_plain_references_are_usable(reference: str) -> None:
    base = "https://index.example.com/simple/demo/"
    assert absolute_url(base, reference) == urljoin(base, reference)


@pytest.mark.parametrize("reference", ["a", "../a", "/a", "a?b"])
def test_a_base_that_is_no_url_makes_every_reference_unusable(reference: str) -> None:
    """HTML pages name their base themselves."""
    assert absolute_url("https://[::1::]/", reference) is None

"""The URL of a file of an upstream, and the projects that its name may belong to."""

import pytest

from support.mirrored_files import NOW, mirrored_file
from wheelyard_server.catalog.mirrors.listed_file import MAX_CANDIDATES, candidates, listed_file
from wheelyard_server.model import Mirror, MirroredFile, Project


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("demo-1.0-py3-none-any.whl", ["demo", "demo-1.0", "demo-1.0-py3", "demo-1.0-py3-none"]),
        ("a-b-2.0.tar.gz", ["a-b", "a"]),
        ("py-2to3-1.0.zip", ["py", "py-2to3"]),
        ("zope.interface-5.0.tar.gz", ["zope.interface"]),
        ("torch-2.7.0+cu128-cp313-cp313-linux_x86_64.whl", ["torch"]),
        ("demo.tar.gz", []),
        ("-1.0", []),
        ("", []),
    ],
)
def test_a_file_may_belong_to_every_beginning_that_a_dash_ends(filename: str, expected: list[str]) -> None:
    assert list(candidates(filename))[: len(expected)] == expected
    assert bool(list(candidates(filename))) is bool(expected)


def test_a_name_of_dashes_costs_a_bounded_number_of_reads() -> None:
    assert len(list(candidates("a-" * 10_000))) == MAX_CANDIDATES


def url(file: MirroredFile) -> str:
    mirror = Mirror(url="https://a.example.com/simple/", made=NOW, fetched=NOW, file_origin="https://b.example.com")
    return listed_file(Project(name="demo", owner="public", mirror=mirror), mirror, file).url


def test_the_url_is_that_of_the_page_byte_for_byte() -> None:
    """T18."""
    path = "/whl/torch-2.7.0%2Bcu128%252B-cp313.whl"
    assert url(mirrored_file(b"").replace(path=path)) == f"https://b.example.com{path}"
    assert url(mirrored_file(b"").replace(path=path, origin="https://c.example.com:8080", query="sig=%2F")) == (
        f"https://c.example.com:8080{path}?sig=%2F"
    )


def test_the_core_metadata_is_next_to_the_file_before_its_query() -> None:
    mirror = Mirror(url="", made=NOW, fetched=NOW, file_origin="https://b.example.com")
    file = mirrored_file(b"").replace(path="/a.whl", query="x=1")
    listed = listed_file(Project(name="demo", owner="public", mirror=mirror), mirror, file)
    assert listed.metadata_url == "https://b.example.com/a.whl.metadata?x=1"

"""The URLs of files."""

from urllib.parse import unquote

import pytest
from hypothesis import strategies as st

from support.properties import given
from unit.wheelyard_server.catalog.test_edits import file
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.web.http.targets import MIRROR
from wheelyard_server.web.pages.file_urls import file_url, provenance_url

LOCAL = Project(name="demo")
MIRRORED = Project(name="demo", owner="torch")


def mirrored(path: str) -> MirroredFile:
    return MirroredFile(filename=path.rpartition("/")[2], version="1.0", path=path)


def test_a_file_of_this_index_has_its_digest_in_its_url() -> None:
    uploaded = file("demo-1.0+a.tar.gz")
    assert file_url("https://a", LOCAL, uploaded) == f"https://a/files/demo/{uploaded.sha256}/demo-1.0%2Ba.tar.gz"
    assert file_url("..", LOCAL, uploaded, "packages").startswith("../packages/demo/")


@pytest.mark.parametrize("path", ["/whl/demo-1.0%2Bcu124.whl", "/whl/demo-1.0+cu124.whl", "/a@b/c=d/demo-1.0.zip"])
def test_the_path_at_the_upstream_stays_as_it_is(path: str) -> None:
    """T18 and T20: no second escape, no path that was made up."""
    assert file_url("..", MIRRORED, mirrored(path)) == f"../mirror/torch{path}"
    assert provenance_url("https://a", MIRRORED, mirrored(path)) == f"https://a/mirror/torch{path}.provenance"


def test_characters_that_no_url_has_are_encoded() -> None:
    assert file_url("", MIRRORED, mirrored('/a b/"\u00e9".zip')) == "/mirror/torch/a%20b/%22%C3%A9%22.zip"


@given(path=st.from_regex(r"(/[^/\\?#%\x00-\x20\x7f-\x9f]{1,5}|/%2B|/%21a){1,4}", fullmatch=True))
def test_the_url_means_the_path_at_the_upstream(path: str) -> None:
    """T18: round trip, for any path."""
    url = file_url("", MIRRORED, mirrored(path))
    assert url.isascii()
    assert unquote(url) == f"{MIRROR}torch{unquote(path)}"

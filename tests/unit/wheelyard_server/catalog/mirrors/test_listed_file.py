"""The URLs of a file of an upstream and of its core metadata."""

from support.mirrored_files import NOW, mirrored_file
from wheelyard_server.catalog.mirrors.listed_file import listed_file
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import Mirror, MirroredFile


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


def test_the_same_digest_at_another_place_is_another_identity() -> None:
    """An upstream that lists the digest of another's file cannot delay it, or have it refused."""
    mirror = Mirror(url="", made=NOW, fetched=NOW, file_origin="https://b.example.com")
    project = Project(name="demo", owner="public", mirror=mirror)
    file = mirrored_file(b"same")
    places = [
        listed_file(project, mirror, file),
        listed_file(project.replace(owner="other"), mirror, file),
        listed_file(project, mirror, file.replace(path="/elsewhere.whl")),
        listed_file(project, mirror, file.replace(sha256="0" * 64)),
    ]
    assert len({each.identity for each in places}) == len(places)
    assert places[0].identity == listed_file(project.replace(name="copy"), mirror, file).identity

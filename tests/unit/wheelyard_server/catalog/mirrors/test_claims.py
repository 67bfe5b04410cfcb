"""Owners that come and go: none of them gets other bytes for a filename that it had before."""

from support.fake_upstream import START
from wheelyard_server.catalog.mirrors import claims
from wheelyard_server.model import Change, Project
from wheelyard_server.model.mirror import Mirror

CHANGE = Change(at=START, by="ann")


def mirror(url: str) -> Mirror:
    return Mirror(url=url, made=START, fetched=START, etag=f"of {url}")


def test_an_owner_that_returns_after_others_and_a_claim_finds_its_digests() -> None:
    """U4."""
    project = Project(name="demo")
    for url in ("a", "b", "c"):
        project = claims.with_owner(project, url, mirror(url))
    project = claims.with_claim(project, CHANGE)
    assert [claims.known_mirror(project, url) for url in ("a", "b", "c", "d")] == [
        mirror("a"),
        mirror("b"),
        mirror("c"),
        None,
    ]
    again = claims.with_owner(project, "a", mirror("a"))
    assert (again.mirror, again.former) == (mirror("a"), (mirror("c"), mirror("b")))


def test_a_document_has_a_bounded_number_of_former_owners() -> None:
    project = Project(name="demo")
    for number in range(claims.MAX_FORMER * 2):
        project = claims.with_owner(project, "up", mirror(str(number)))
    assert len(project.former) == claims.MAX_FORMER
    assert len(claims.with_claim(project, CHANGE).former) == claims.MAX_FORMER

"""Facts about files in their documents: those about other bytes, or another provenance object, do not count."""

import pytest

from support.policies import digest_of, local, mirror_of, mirrored
from wheelyard_server.catalog.learned import Fact, with_facts
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import MirroredFile

FILE = mirrored(provenance_url="https://upstream.example.com/p")
OTHER = mirrored("demo-2.0-py3-none-any.whl")
FACT = Fact(FILE, "MIT", "GitHub acme/app release.yml", digest_of("d"))


def after(listed: MirroredFile, *facts: Fact) -> MirroredFile:
    mirror = with_facts(mirror_of(OTHER, listed), facts).mirror
    assert mirror is not None
    assert mirror.files[0] == OTHER
    return mirror.files[1]


def test_facts_are_written_to_their_file_alone() -> None:
    learned = after(FILE, FACT)
    assert (learned.license, learned.publisher, learned.provenance_sha256) == (FACT[1:])


@pytest.mark.parametrize(
    ("changed", "license_", "publisher"),
    [
        ({"sha256": digest_of("f")}, "", ""),
        ({"provenance_url": "https://upstream.example.com/other"}, "MIT", ""),
        ({"upload_time": None}, "MIT", FACT.publisher),
    ],
)
def test_a_fact_about_what_is_listed_no_longer_does_not_count(
    changed: dict[str, object], license_: str, publisher: str
) -> None:
    learned = after(FILE.replace(**changed), FACT)
    assert (learned.license, learned.publisher) == (license_, publisher)


def test_what_was_not_looked_up_stays() -> None:
    known = FILE.replace(license="ISC", publisher="GitHub acme/app other.yml", provenance_sha256=digest_of("e"))
    assert after(known, Fact(known)) == known
    assert after(known, Fact(known, license="MIT")) == known.replace(license="MIT")


def test_a_local_file_has_its_license_and_a_project_without_changes_is_the_same_object() -> None:
    project = Project(name="demo", files=(local(),))
    assert with_facts(project, [Fact(local(), license="MIT")]).files == (local(license="MIT"),)
    assert with_facts(project, [Fact(local(sha256=digest_of("f")), license="MIT")]) is project
    assert with_facts(mirror_of(FILE), []).mirror == mirror_of(FILE).mirror

"""Events of each kind: what is one event, and what is another."""

from datetime import UTC, datetime, timedelta

from wheelyard_server.errors import Refusal
from wheelyard_server.events.kinds import blocked, digest_changed, published
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile

NOW = datetime(2026, 11, 30, 19, 42, tzinfo=UTC)
REFUSAL = Refusal("demo", "malware", "demo-1.0.tar.gz", "1.0", "a" * 64, advisories=("MAL-2026-1",))


def test_a_published_file_is_named_with_its_digest_and_its_user() -> None:
    file = File(
        filename="demo-1.0.tar.gz",
        version="1.0",
        upload_id="an id",
        size=7,
        sha256="a" * 64,
        upload_time=NOW,
        uploader="ci.publisher",
        core_metadata_sha256="b" * 64,
    )
    event = published("demo", file)
    assert (event.subject, event.time) == ("demo-1.0.tar.gz", NOW)
    assert event.data == {
        "project": "demo",
        "version": "1.0",
        "filename": "demo-1.0.tar.gz",
        "sha256": "a" * 64,
        "size": 7,
        "user": "ci.publisher",
    }
    # The same bytes may be published again after a deletion: that is another event.
    assert published("demo", file.replace(upload_id="another")).key != event.key


def test_refusals_within_an_hour_are_one_event() -> None:
    first = blocked(REFUSAL, "demo 1.0 is malware", "ann", NOW)
    assert blocked(REFUSAL, "demo 1.0 is malware", "bob", NOW + timedelta(minutes=17)).key == first.key
    assert blocked(REFUSAL, "demo 1.0 is malware", "ann", NOW + timedelta(minutes=18)).key != first.key
    assert blocked(REFUSAL._replace(rule="deny"), "denied", "ann", NOW).key != first.key
    assert first.data["user"] == "ann"
    assert first.data["advisories"] == ("MAL-2026-1",)


def test_a_refused_name_is_the_subject_itself() -> None:
    assert blocked(Refusal("demo", "deny"), "demo is denied", "ann", NOW).subject == "demo"


def test_a_changed_digest_is_an_event_for_each_new_digest() -> None:
    file = MirroredFile(filename="demo-1.0.tar.gz", version="1.0", path="/demo", sha256="a" * 64, conflict="b" * 64)
    event = digest_changed("demo", "pypi", file, NOW)
    assert (event.data["upstream"], event.data["sha256"], event.data["listed"]) == ("pypi", "a" * 64, "b" * 64)
    assert digest_changed("demo", "pypi", file.replace(conflict="c" * 64), NOW).key != event.key

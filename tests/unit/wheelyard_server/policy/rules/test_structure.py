"""Owners, private names, statuses and files that are gone: the rules that no exception lifts."""

import re
import time
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import strategies as st

from support.properties import given
from wheelyard_server.model import Change, DeletedFile, File, Project
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.model.status import Status
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.confirmation import CONFIRMED_AFTER
from wheelyard_server.policy.file_policy import AllowedUpstream, FilePolicy
from wheelyard_server.policy.judge import Judge
from wheelyard_server.policy.verdict import PERMITTED, Rule, Verdict

NOW = datetime(2026, 11, 30, tzinfo=UTC)
URL = "https://upstream.example.com/simple/"
POLICY = FilePolicy((AllowedUpstream("up", URL, ("demo*",)),), private=("acme-*",))
FILE = MirroredFile(filename="demo-1.0.tar.gz", version="1.0", path="/a/demo-1.0.tar.gz", sha256="a" * 64)
LOCAL = File(
    filename="demo-1.0.tar.gz",
    version="1.0",
    upload_id="1",
    size=1,
    sha256="a" * 64,
    upload_time=NOW,
    uploader="ann",
    core_metadata_sha256="b" * 64,
)


def mirror(*files: MirroredFile, **fields: object) -> Mirror:
    return Mirror(url=URL, made=NOW, fetched=NOW, files=files or (FILE,)).replace(**fields)


def project(name: str = "demo", owner: str = "up", **fields: object) -> Project:
    return Project(name=name, owner=owner, mirror=mirror(**fields))


def verdict(on: Project, file: File | MirroredFile = FILE, policy: FilePolicy = POLICY) -> Verdict:
    return Judge(on, Basis(policy), NOW).verdict(file)


def test_a_file_that_no_rule_concerns_is_listed_and_served() -> None:
    assert verdict(project()) == PERMITTED


@pytest.mark.parametrize(
    ("on", "rule"),
    [
        (project(owner="another"), Rule.OWNER),
        (project(url="https://other.example.com/simple/"), Rule.OWNER),
        (project(name="numpy"), Rule.OWNER),
        (Project(name="demo", claimed=Change(at=NOW, by="ann")), Rule.OWNER),
        (project(name="acme-tools"), Rule.PRIVATE),
        (project().replace(status=Status.QUARANTINED), Rule.STATUS),
        (project(status="quarantined"), Rule.STATUS),
    ],
)
def test_a_file_is_neither_listed_nor_served_with_the_rule_and_a_reason(on: Project, rule: Rule) -> None:
    found = verdict(on)
    assert (found.is_listed, found.is_served, found.rule) == (False, False, rule)
    assert found.reason


def test_a_file_that_is_gone_stays_listed_until_a_later_page_confirms_it() -> None:
    """U9: one page without the file is not enough, and neither is time without a page (an outage)."""
    file = FILE.replace(gone=NOW)
    soon = project(fetched=NOW + CONFIRMED_AFTER - timedelta(seconds=1))
    assert verdict(soon, file) == PERMITTED
    found = verdict(project(fetched=NOW + CONFIRMED_AFTER), file)
    assert (found.is_listed, found.is_served, found.rule) == (False, True, Rule.GONE)


def test_a_file_with_another_digest_at_the_upstream_stays_until_its_bytes_are_gone() -> None:
    """T16, U12: a lock that names the known digest is installed from the page, too."""
    file = FILE.replace(conflict="c" * 64)
    assert verdict(project(), file) == PERMITTED
    found = verdict(project(fetched=NOW + CONFIRMED_AFTER), file.replace(gone=NOW))
    assert (found.is_listed, found.is_served, found.rule) == (False, True, Rule.DIGEST)


@pytest.mark.parametrize(("digest", "permitted"), [("a" * 64, True), ("d" * 64, False)])
def test_a_filename_that_was_published_here_returns_with_its_bytes_only(*, digest: str, permitted: bool) -> None:
    deleted = DeletedFile(filename=FILE.filename, sha256=digest, upload_id="1", deleted=NOW)
    found = verdict(project().replace(deleted=(deleted,)))
    assert found == PERMITTED if permitted else (found.is_served, found.rule) == (False, Rule.DIGEST)


@pytest.mark.parametrize("status", list(Status))
def test_local_files_depend_on_the_status_alone(status: Status) -> None:
    on = Project(name="acme-tools", files=(LOCAL,), status=status)
    assert verdict(on, LOCAL).is_served is status.offers_files


def normalized(text: str) -> str:
    """Return a name or a glob in the spelling of normalized names (PEP 503)."""
    return re.sub("-+", "-", text)


globs = st.text("ab-*", min_size=1, max_size=4)


@given(name=globs.map(normalized), private=st.lists(globs, max_size=3), packages=st.lists(globs, max_size=3))
def test_a_private_name_is_refused_whatever_else_is_configured(
    name: str, private: list[str], packages: list[str]
) -> None:
    """U10, T34."""
    policy = FilePolicy((AllowedUpstream("up", URL, tuple(packages)),), tuple(private))
    is_private = any(fnmatchcase(name, normalized(glob)) for glob in private)
    is_asked = any(fnmatchcase(name, normalized(glob)) for glob in packages)
    found = verdict(project(name=name), policy=policy)
    assert policy.allows("up", name) is (is_asked and not is_private)
    assert found.is_served is (is_asked and not is_private)
    assert (found.rule is Rule.PRIVATE) is is_private


moments = st.none() | st.integers(0, 40).map(lambda minutes: NOW - timedelta(minutes=minutes))


@given(
    gone=moments,
    missing=moments,
    conflict=st.sampled_from(["", "c" * 64]),
    status=st.sampled_from(Status),
    theirs=st.sampled_from(["active", "quarantined", "unheard-of"]),
)
def test_what_is_listed_is_served_and_every_refusal_has_a_reason(
    gone: datetime | None, missing: datetime | None, conflict: str, status: Status, theirs: str
) -> None:
    """U1, U12."""
    file = FILE.replace(gone=gone, conflict=conflict)
    found = verdict(project(missing=missing, status=theirs).replace(status=status), file)
    assert found.is_served or not found.is_listed
    assert bool(found.reason) is (found != PERMITTED) is (found.rule is not None)
    if Status.QUARANTINED in (status, theirs):
        assert not found.is_served


def test_a_decision_takes_at_most_ten_microseconds() -> None:
    on = project()
    begun = time.process_time()
    for _ in range(10_000):
        verdict(on)
    assert time.process_time() - begun < 10_000 * 10e-6

"""What a page may change of a mirror, and what it never changes."""

from datetime import datetime, timedelta

import pytest
from hypothesis import strategies as st

from support.fake_upstream import START, page, page_file
from support.properties import given
from wheelyard_server.catalog.mirrors import snapshot
from wheelyard_server.catalog.mirrors.snapshot import Source, Taken
from wheelyard_server.errors import UpstreamAnswerError
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.names import parse_project_name
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.confirmation import CONFIRMED_AFTER
from wheelyard_server.policy.file_policy import AllowedUpstream, FilePolicy
from wheelyard_server.policy.judge import Judge
from wheelyard_server.upstream import Page, PageFile

URL = "https://upstream.example.com/simple/"
SOURCE = Source(parse_project_name("demo"), "up", URL)
POLICY = FilePolicy((AllowedUpstream("up", URL),))
WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
MINUTE = timedelta(minutes=1)


def take(old: Mirror | None, new: Page, minutes: float = 0) -> Taken:
    return snapshot.take(old, new, SOURCE, START + minutes * MINUTE)


def made(*files: str | PageFile, **fields: object) -> Mirror:
    return take(None, page(*files, **fields)).mirror


def listed(mirror: Mirror) -> list[str]:
    project = Project(name="demo", owner="up", mirror=mirror)
    files = (each for each in mirror.files if Judge(project, Basis(POLICY), START).verdict(each).is_listed)
    return [file.filename for file in files]


def file_of(mirror: Mirror, filename: str = WHEEL) -> MirroredFile:
    return next(file for file in mirror.files if file.filename == filename)


def hashless(filename: str = WHEEL, yanked: str | None = None) -> PageFile:
    return page_file(filename, hashes={}, size=None, yanked=yanked)


def test_a_page_becomes_a_mirror_with_paths_byte_for_byte() -> None:
    """T18: `+` and its escapes stay as the upstream has them, and the query never reaches a client."""
    name = "demo-1.0+cu124-py3-none-any.whl"
    url = "https://files.example.com:8443/whl%20cu/demo-1.0%2Bcu124-py3-none-any.whl?sig=1"
    file = file_of(made(page_file(name, url=url)), name)
    assert (file.path, file.query, file.version) == (
        "/whl%20cu/demo-1.0%2Bcu124-py3-none-any.whl",
        "sig=1",
        "1.0+cu124",
    )


def test_most_files_need_no_origin_of_their_own() -> None:
    mirror = made(WHEEL, SDIST, page_file("demo-2.0.tar.gz", origin="https://other.example.com"))
    assert mirror.file_origin == "https://files.example.com"
    assert [file.origin for file in mirror.files] == ["", "", "https://other.example.com"]
    first = page_file("demo-0.1.tar.gz", origin="https://other.example.com")
    assert [file.origin for file in made(first, WHEEL, SDIST).files] == ["https://other.example.com", "", ""]


@pytest.mark.parametrize(
    "entry",
    [
        page_file("other-1.0.tar.gz"),
        page_file("../demo-1.0.tar.gz"),
        page_file(SDIST, url="ftp://files.example.com/demo-1.0.tar.gz"),
        page_file(SDIST, url="https://user@files.example.com/demo-1.0.tar.gz"),
        page_file(SDIST, url="https://files.example.com/a/../demo-1.0.tar.gz"),
        page_file(SDIST, url="https://files.example.com/a/%2E%2E/demo-1.0.tar.gz"),
        page_file(SDIST, url="https://files.example.com/another-name.tar.gz"),
        page_file(SDIST, hashes={"sha256": "too short"}),
    ],
)
def test_an_entry_that_cannot_be_used_costs_only_itself(entry: PageFile) -> None:
    """T33, and files of other projects."""
    taken = take(None, page(entry, WHEEL, unusable=2))
    assert [file.filename for file in taken.mirror.files] == [WHEEL]
    assert taken.dropped == 3


def test_the_first_of_two_entries_with_one_name_counts() -> None:
    taken = take(None, page(page_file(WHEEL, b"one"), page_file(WHEEL, b"two")))
    assert (len(taken.mirror.files), taken.dropped) == (1, 1)


def test_the_same_page_changes_nothing_although_its_etag_and_serial_do() -> None:
    """A page that differs in nothing is not written."""
    old = made(WHEEL, SDIST, etag="1", serial=1)
    assert take(old, page(WHEEL, SDIST, etag="2", serial=2), 60).mirror is old


def test_another_digest_is_refused_and_the_known_one_stays() -> None:
    """U4, T16, T29."""
    old = made(page_file(WHEEL, b"one"), SDIST)
    taken = take(old, page(page_file(WHEEL, b"two"), SDIST))
    assert taken.conflicts[0].filename == WHEEL
    assert file_of(taken.mirror).sha256 == file_of(old).sha256
    assert listed(taken.mirror) == [WHEEL, SDIST]
    again = take(taken.mirror, page(page_file(WHEEL, b"two"), SDIST), 60)
    assert again.conflicts == ()
    healed = take(taken.mirror, page(page_file(WHEEL, b"one"), SDIST))
    assert listed(healed.mirror) == [WHEEL, SDIST]


def test_another_digest_of_a_weaker_algorithm_is_refused_too() -> None:
    old = made(page_file(WHEEL, hashes={"md5": "a" * 32}))
    assert file_of(old).other_hash == f"md5={'a' * 32}"
    assert take(old, page(page_file(WHEEL, hashes={"md5": "b" * 32}))).conflicts[0].filename == WHEEL


def test_a_pinned_digest_survives_pages_without_digests_and_contradicts_later_ones() -> None:
    """T16: the bytes that were fetched first are the file."""
    old = made(hashless())
    pinned = old.replace(files=tuple(file.replace(sha256="a" * 64, pinned=True, size=9) for file in old.files))
    kept = take(pinned, page(hashless(yanked="bad"))).mirror
    assert (file_of(kept).sha256, file_of(kept).pinned, file_of(kept).size) == ("a" * 64, True, 9)
    assert file_of(kept).yanked == "bad"
    assert take(kept, page(page_file(WHEEL))).conflicts[0].filename == WHEEL


def test_extracted_metadata_survives() -> None:
    old = made(hashless())
    known = old.replace(files=tuple(f.replace(core_metadata_sha256="a" * 64, extracted=True) for f in old.files))
    assert take(known, page(hashless())).mirror is known


def test_a_file_without_upload_time_has_the_time_of_its_first_sight() -> None:
    """U8, T17, T30, T41: never the time of a later page."""
    old = made(page_file(WHEEL, upload_time=None))
    assert (file_of(old).first_seen, old.made) == (START, START)
    later = take(old, page(page_file(WHEEL, upload_time=None), page_file(SDIST, upload_time=None)), 5).mirror
    assert file_of(later).first_seen == START
    assert file_of(later, SDIST).first_seen == START + 5 * MINUTE
    known = take(later, page(page_file(WHEEL), SDIST), 6).mirror
    assert (file_of(known).first_seen, file_of(known).published) == (None, START - timedelta(days=9))


def test_a_file_that_a_page_lacks_is_hidden_after_a_second_page_lacks_it_ten_minutes_later() -> None:
    """U9, T6."""
    first = take(made(WHEEL, SDIST), page(SDIST))
    assert first.gone == 1
    assert listed(first.mirror) == [SDIST, WHEEL]
    soon = take(first.mirror, page(SDIST), 9)
    assert soon.mirror is first.mirror
    confirmed = take(first.mirror, page(SDIST), 10).mirror
    assert listed(confirmed) == [SDIST]
    assert file_of(confirmed).sha256 == file_of(first.mirror).sha256
    assert listed(take(confirmed, page(WHEEL, SDIST), 20).mirror) == [WHEEL, SDIST]


def test_an_unchanged_page_confirms_that_a_file_is_gone() -> None:
    first = take(made(WHEEL, SDIST), page(SDIST)).mirror
    assert snapshot.unchanged(first, START + 9 * MINUTE) is first
    confirmed = snapshot.unchanged(first, START + 10 * MINUTE)
    assert listed(confirmed) == [SDIST]
    assert snapshot.unchanged(confirmed, START + 30 * MINUTE) is confirmed


def test_sudden_emptiness_is_believed_ten_minutes_later() -> None:
    old = made(WHEEL)
    first = take(old, page(etag="empty")).mirror
    assert listed(first) == [WHEEL]
    assert first.etag == old.etag
    assert listed(take(first, page(), 9).mirror) == [WHEEL]
    assert listed(take(first, page(), 10).mirror) == []
    assert listed(take(first, page(WHEEL), 10).mirror) == [WHEEL]
    assert snapshot.unchanged(first, START + 20 * MINUTE) == old


def test_an_absence_is_believed_ten_minutes_later() -> None:
    old = made(WHEEL)
    first = snapshot.missing(old, START)
    assert listed(first) == [WHEEL]
    assert snapshot.missing(first, START + 9 * MINUTE) is first
    confirmed = snapshot.missing(first, START + 10 * MINUTE)
    assert listed(confirmed) == []
    assert snapshot.missing(confirmed, START + 20 * MINUTE) is confirmed


def test_an_empty_quarantined_page_is_believed_at_once_and_digests_stay_known() -> None:
    """T6, PEP 792."""
    taken = take(made(WHEEL), page(status="quarantined", status_reason="malware")).mirror
    assert listed(taken) == []
    assert (taken.status, taken.status_reason) == ("quarantined", "malware")
    assert take(taken, page(page_file(WHEEL, b"other bytes"))).conflicts[0].filename == WHEEL


def test_an_older_page_never_replaces_a_newer_one_until_it_has_stayed_for_a_day() -> None:
    """T1, T5: a cache sends old pages for hours, an upstream that was set up again counts from the beginning."""
    old = made(WHEEL, SDIST, serial=7)
    first = take(old, page(WHEEL, serial=6)).mirror
    assert listed(first) == [WHEEL, SDIST]
    assert take(first, page(WHEEL, serial=6), 60).mirror is first
    assert take(first, page(WHEEL, SDIST, serial=8), 61).mirror.outdated is None
    reset = take(first, page(WHEEL, serial=6), 24 * 60).mirror
    assert (reset.serial, reset.outdated) == (6, None)


def test_a_mirror_never_forgets_digests_but_refuses_to_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "MAX_FILES", 2)
    old = made(WHEEL, SDIST)
    with pytest.raises(UpstreamAnswerError, match="more than 2 files"):
        take(old, page("demo-2.0.tar.gz"))


entries = st.builds(
    lambda name, body, has_hash: page_file(name, body) if has_hash else hashless(name),
    st.sampled_from([WHEEL, SDIST, "demo-2.0.tar.gz", "other-1.0.tar.gz"]),
    st.sampled_from([b"one", b"two"]),
    st.booleans(),
)
pages = st.builds(
    lambda files, serial, status: page(*files, serial=serial, status=status),
    st.lists(entries, max_size=4),
    st.integers(0, 3),
    st.sampled_from(["active", "quarantined"]),
)
steps = st.tuples(st.integers(0, 30), pages | st.sampled_from(["absent", "unchanged"]))


@given(first=pages, rest=st.lists(steps, max_size=8))
def test_any_sequence_of_answers_keeps_one_digest_per_filename_and_forgets_no_file(
    first: Page, rest: list[tuple[int, Page | str]]
) -> None:
    """U4, U7, U9, U12."""
    mirror, now, known = take(None, first).mirror, START, dict[str, str]()
    for minutes, answer in rest:
        now += minutes * MINUTE
        before = {file.filename for file in mirror.files}
        was_listed = set(listed(mirror))
        mirror = _after(mirror, answer, now)
        assert before <= {file.filename for file in mirror.files}
        assert len({file.filename for file in mirror.files}) == len(mirror.files)
        for file in mirror.files:
            assert known.setdefault(file.filename, file.sha256) in ("", file.sha256)
            known[file.filename] = file.sha256
            assert file.filename != "other-1.0.tar.gz"
        if isinstance(answer, str) and answer == "absent" and mirror.missing == now:
            assert set(listed(mirror)) == was_listed


def _after(mirror: Mirror, answer: Page | str, now: datetime) -> Mirror:
    if isinstance(answer, Page):
        return snapshot.take(mirror, answer, SOURCE, now).mirror
    return snapshot.missing(mirror, now) if answer == "absent" else snapshot.unchanged(mirror, now)


def test_the_confirmation_takes_ten_minutes() -> None:
    assert CONFIRMED_AFTER == 10 * MINUTE


def test_what_a_wrong_clock_saw_in_the_future_counts_from_now() -> None:
    """Otherwise nothing would be confirmed until then."""
    old = made(WHEEL, SDIST)
    gone = take(old, page(WHEEL), 10_000).mirror
    again = take(gone, page(WHEEL), 1).mirror
    assert listed(take(again, page(WHEEL), 12).mirror) == [WHEEL]
    later = snapshot.missing(old, START + 10_000 * MINUTE)
    now = START + MINUTE
    assert snapshot.missing(later, now).missing == now


@pytest.mark.parametrize("folder", ["a%2Fb", "a%2fb", "100%25", "a%5Cb", "%FF", "%C3"])
def test_a_file_whose_path_this_index_cannot_have_is_not_listed(folder: str) -> None:
    """U1: its URL would be a 404 (ADR 40)."""
    odd = page_file(SDIST, url=f"https://files.example.com/{folder}/{SDIST}")
    taken = take(None, page(WHEEL, odd))
    assert (listed(taken.mirror), taken.dropped) == ([WHEEL], 1)

from dataclasses import replace

import yaml
from hypothesis import example
from hypothesis import strategies as st

from support.properties import given
from unit.wheelyard_operator.fakes import an_exception
from wheelyard_operator.desired.policy_budget import LEFT_OUT_ANNOTATION, LeftOut, Room, fitting
from wheelyard_operator.desired.policy_file import exception_entry, policy_file
from wheelyard_operator.resource import Manifest, PackageException

PLENTY = 10**9
LARGEST = an_exception(
    packages=[f"{number}".ljust(100, "a") for number in range(20)],
    versions="<1" + ",<1" * 60,
    advisories=[f"{number}".ljust(64, "a") for number in range(20)],
    rules=["cooldown", "deny", "allow", "malware", "vulnerabilities", "licenses", "formats", "provenance"],
    reason="\ufeff" * 200,
    approvedBy="\U0001d518" * 100,
)


def asked(namespace: str, age: int, exception: PackageException = LARGEST) -> tuple[PackageException, Manifest]:
    meta = replace(
        exception.meta, namespace=namespace, name=f"e{age}", created=f"2026-01-01T00:{age // 60:02}:{age % 60:02}Z"
    )
    dated = replace(exception, meta=meta)
    return dated, exception_entry(dated, "2026-12-15")


def sources(entries: list[Manifest]) -> list[str]:
    return [each["source"] for each in entries]


def test_all_fit_that_have_room() -> None:
    every = [asked("a", 1), asked("b", 2), asked("a", 0)]
    kept, left_out = fitting(every, Room(3, PLENTY))
    assert sources(kept) == ["a/e0", "b/e2", "a/e1"]
    assert left_out == LeftOut()
    assert not any(left_out.has(each) for each, _ in every)


def test_the_newest_of_the_namespace_with_the_most_are_left_out() -> None:
    many, few = [asked("a", age) for age in range(50)], [asked("z", 60), asked("z", 61)]
    kept, left_out = fitting([*reversed(many), *few], Room(10, PLENTY))
    assert sorted(sources(kept)) == sorted([f"a/e{age}" for age in range(8)] + ["z/e60", "z/e61"])
    assert [left_out.has(each) for each, _ in many] == [False] * 8 + [True] * 42
    assert not any(left_out.has(each) for each, _ in few)


def test_a_tenant_with_large_exceptions_takes_no_room_of_another() -> None:
    _, large = asked("a", 0)
    small = an_exception()
    room = 2 * len(str(large)) * 6
    kept, left_out = fitting([*(asked("a", age) for age in range(100)), asked("z", 5, small)], Room(1000, room))
    assert "z/e5" in sources(kept)
    assert set(left_out.first) == {"a"}


@given(
    counts=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 12), max_size=4),
    entries=st.integers(0, 20),
    size=st.integers(0, 60_000),
)
def test_what_fits_is_never_larger_than_the_room(counts: dict[str, int], entries: int, size: int) -> None:
    every = [asked(namespace, age) for namespace, count in counts.items() for age in range(count)]
    kept, left_out = fitting(every, Room(entries, size))
    assert len(kept) <= entries
    assert not kept or len(yaml.safe_dump({"policy": {"exceptions": kept}}, allow_unicode=True).encode()) <= size
    assert {exception.id for exception, _ in every if not left_out.has(exception)} == set(sources(kept))


@given(reason=st.text(max_size=200), approved_by=st.text(max_size=100))
@example(reason="\U0001d518" * 200, approved_by="\U0001d518" * 100)
@example(reason="\ufeff" + " a" * 99, approved_by="\u2028" * 100)
@example(reason="'" * 200, approved_by="\\" * 100)
def test_no_characters_of_a_tenant_take_more_room_than_is_counted(reason: str, approved_by: str) -> None:
    """LibYAML escapes more than the emitter in Python. Without room for it, the file fits into no ConfigMap."""
    room = Room(1, PLENTY)
    kept, _ = fitting([asked("a", 0, an_exception(reason=reason, approvedBy=approved_by))], room)
    assert _bytes(kept) - _bytes([]) <= PLENTY - room.size


def _bytes(entries: list[Manifest]) -> int:
    return len(policy_file([], {}, entries).encode())


def test_the_annotation_is_read_back() -> None:
    left_out = LeftOut({"a": "2026-01-01T00:00:00Z uid"})
    body = {"metadata": {"annotations": {LEFT_OUT_ANNOTATION: left_out.text}}}
    assert LeftOut.parse(body) == left_out
    for damaged in ("[", "[]", '"a"', ""):
        assert LeftOut.parse({"metadata": {"annotations": {LEFT_OUT_ANNOTATION: damaged}}}) == LeftOut()
    assert LeftOut.parse(None) == LeftOut.parse({"metadata": {}}) == LeftOut()

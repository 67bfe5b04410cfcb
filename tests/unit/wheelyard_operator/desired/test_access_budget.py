import base64
import random
import string
from dataclasses import replace
from typing import Any

import pytest

from support import largest
from unit.wheelyard_operator.fakes import CLUSTER_ISSUER, a_user, an_accepted_user, an_index
from wheelyard_operator.desired import access_budget
from wheelyard_operator.desired.access_budget import FILE_BYTES, NAMESPACE_BYTES, USER_BYTES, LeftOut, fitting, size
from wheelyard_operator.desired.access_file import MAX_BYTES, AcceptedUser, TrustedIssuers, access_file, packed
from wheelyard_operator.desired.access_secret import access_secret
from wheelyard_operator.desired.credentials import ChosenPassword, Previous
from wheelyard_operator.resource import IndexUser, PackageIndex

SECRET_BYTES = 1024 * 1024
NONE = TrustedIssuers()
OPEN = {"grants": [], "users": {"namespaces": {"from": "All"}, "maximum": {"grants": [{"verbs": ["read"]}]}}}
INDEX = an_index(access=OPEN)


def noise(length: int, seed: int) -> str:
    """Return characters that no compression makes much shorter."""
    return "".join(random.Random(seed).choices(string.ascii_lowercase + string.digits, k=length))  # noqa: S311


def accepted(name: str, age: int, namespace: str = "packages", globs: int = 0) -> AcceptedUser:
    grants = (
        [{"packages": [noise(128, age * 1000 + each) for each in range(globs)], "verbs": ["read"]}] if globs else []
    )
    user = a_user(name, namespace, grants=grants)
    born = replace(user.meta, created=f"2026-01-01T00:00:{age:02}Z")
    return an_accepted_user(replace(user, meta=born), INDEX)


def names(accepted_users: tuple[AcceptedUser, ...]) -> list[str]:
    return [each.user.meta.name for each in accepted_users]


@pytest.mark.parametrize("namespace", ["packages", "ci"])
def test_the_largest_legal_user_fits_its_budget(namespace: str) -> None:
    index, user = an_index(access=largest.INDEX_ACCESS), IndexUser.parse(largest.user(namespace))
    issuers = TrustedIssuers(CLUSTER_ISSUER, publishers=frozenset(each.issuer for each in user.publishers))
    most = an_accepted_user(
        user,
        index,
        next_token=an_accepted_user(user).credentials.token,
        previous=tuple(Previous("sha256:" + "0" * 64, "later") for _ in range(5)),
        password=ChosenPassword("h" * 512, "o" * 512, ""),
    )
    assert len(most.rights.grants) == (20 if namespace == "packages" else 5)
    assert size(most, issuers) <= USER_BYTES
    kept, left_out = fitting(index, [most], issuers)
    assert (kept, left_out.first) == ((most,), {})
    assert packed_bytes(index, kept, issuers) < SECRET_BYTES


def packed_bytes(
    index: PackageIndex, accepted_users: tuple[AcceptedUser, ...], issuers: TrustedIssuers = NONE
) -> int:
    return len(base64.b64decode(packed(access_file(index, accepted_users, issuers))))


def test_a_user_beyond_its_budget_is_left_out_alone() -> None:
    """Such a one was legal before the schema had bounds."""
    huge = accepted("huge", 0, globs=1300)
    assert size(huge, NONE) > USER_BYTES
    kept, left_out = fitting(INDEX, [huge, accepted("one", 1), accepted("two", 2)], NONE)
    assert (names(kept), left_out.first) == (["one", "two"], {})


def test_a_namespace_over_its_budget_loses_its_newest_users_and_no_other_does() -> None:
    theirs = [accepted(f"ci{age}", age, "ci", globs=900) for age in range(8)]
    others = [accepted("own", 50), accepted("web", 51, "web")]
    kept, left_out = fitting(INDEX, [*reversed(theirs), *others], NONE)
    inside = [name for name in names(kept) if name.startswith("ci")]
    assert inside == [f"ci{age}" for age in range(len(inside))]
    assert 0 < len(inside) < 8
    assert {"own", "web"} < set(names(kept))
    newest = theirs[7].user
    assert "The users of namespace ci take more than 256 KiB" in left_out.reason(INDEX, newest)
    assert [bool(left_out.reason(INDEX, each.user)) for each in theirs] == [
        each.user.meta.name not in inside for each in theirs
    ]
    assert not any(left_out.reason(INDEX, each.user) for each in others)


@pytest.mark.parametrize(
    ("namespace", "budget", "room"),
    [("packages", FILE_BYTES, MAX_BYTES), ("ci", NAMESPACE_BYTES, MAX_BYTES // FILE_BYTES * NAMESPACE_BYTES)],
)
def test_well_compressing_grants_are_bounded(namespace: str, budget: int, room: int) -> None:
    """Servers hold the text, which would be 100 MB for 256 KiB of the Secret."""
    grants = [{"packages": [f"{each:03}{'x' * 125}" for each in range(900)], "verbs": ["read"]}]
    users = [a_user(f"u{age:03}", namespace, grants=grants) for age in range(room // 100_000)]
    many = [an_accepted_user(each, INDEX) for each in users]
    assert packed_bytes(INDEX, tuple(many)) < budget
    kept, left_out = fitting(INDEX, many, NONE)
    assert room // 2 < len(access_file(INDEX, kept, NONE)) <= room + USER_BYTES
    assert 0 < len(kept) < len(many)
    assert left_out.reason(INDEX, max(users, key=lambda each: each.meta.age))


def test_when_the_access_file_is_full_the_newest_users_of_other_namespaces_lose_first() -> None:
    """However many namespaces there are.

    The file can always be written, and the owner's users are in it.
    """
    theirs = [accepted(f"n{n}-{age}", age, f"n{n}", globs=1200) for n in range(9) for age in range(2)]
    own = accepted("own", 59)
    kept, left_out = fitting(INDEX, [*theirs, own], NONE)
    assert packed_bytes(INDEX, kept) <= FILE_BYTES
    assert 4 < len(kept) < len(theirs)
    assert own in kept
    lost = [each for each in theirs if each not in kept]
    assert max(each.user.meta.age for each in kept if each is not own) < min(each.user.meta.age for each in lost)
    for each in theirs:
        reason = left_out.reason(INDEX, each.user)
        assert ("is full" in reason) is (each in lost), each.user.meta


def test_sessions_take_their_room_from_the_newest_users() -> None:
    """A provider may have many keys and groups: the Secret can always be written."""
    users = [accepted(f"u{age}", age, globs=1200) for age in range(20)]
    assert len(fitting(INDEX, users, NONE)[0]) == len(fitting(INDEX, users, NONE, 4096)[0])
    others = 500_000
    kept, _ = fitting(INDEX, users, NONE, others)
    assert 0 < packed_bytes(INDEX, kept) <= FILE_BYTES - others + 4096
    assert [each.user.meta.name for each in kept] == [f"u{age}" for age in range(len(kept))]


def test_a_revocation_gets_through_whatever_others_do() -> None:
    theirs = [accepted(f"n{n}", n, f"n{n}", globs=1200) for n in range(30)]
    leaver, stays = accepted("leaver", 1), accepted("stays", 2)
    kept, left_out = fitting(INDEX, [*theirs, stays], NONE)
    text = access_file(INDEX, kept, NONE)
    assert "packages.stays" in text
    assert "packages.leaver" not in text
    secret = access_secret(INDEX, text, "k" * 44, left_out)
    assert sum(len(base64.b64decode(each)) for each in secret["data"].values()) < SECRET_BYTES
    assert leaver not in kept


def test_a_rotation_gets_through_in_a_full_file(monkeypatch: pytest.MonkeyPatch) -> None:
    users = [accepted(f"u{age}", age, globs=20) for age in range(30)]
    monkeypatch.setattr(access_budget, "FILE_BYTES", packed_bytes(INDEX, tuple(users)))
    assert len(fitting(INDEX, users, NONE)[0]) == 30
    rotated = an_accepted_user(users[0].user, INDEX, previous=(Previous(f"sha256:{noise(64, 99)}", "later"),) * 1)
    kept, _ = fitting(INDEX, [rotated, *users[1:]], NONE)
    assert kept[0] is rotated
    assert names(kept) == [f"u{age}" for age in range(len(kept))]


def test_users_left_out_are_recorded_in_the_secret() -> None:
    left_out = LeftOut({"ci": "2026 a", "": "1 2026 b"})
    assert LeftOut.parse(access_secret(INDEX, "", "", left_out)) == left_out
    assert LeftOut.parse(access_secret(INDEX, "", "", LeftOut())) == LeftOut()
    assert "left-out.json" not in access_secret(INDEX, "", "", LeftOut())["data"]


@pytest.mark.parametrize("text", ["{", "[]", "1", ""])
def test_a_damaged_record_leaves_no_user_out(text: str) -> None:
    secret: Any = {"data": {"left-out.json": base64.b64encode(text.encode()).decode()}}
    assert LeftOut.parse(secret) == LeftOut()

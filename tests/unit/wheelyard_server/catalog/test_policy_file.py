import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from wheelyard_server.catalog import policy_file as module
from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.catalog.policy_file import FollowedPolicyFile
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.followed_file import FileState
from wheelyard_server.policy.file_policy import FilePolicy
from wheelyard_server.settings.policy import Action, Cooldown

STRICT = b"policy: {cooldown: {action: Block, age: 30d}}"
LAX = b'policy: {cooldown: {action: "Off"}}'
PRIVATE = b"names: {private: [acme-*]}"


@dataclass
class Clock:
    now: float = 1

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def basis() -> CurrentBasis:
    return CurrentBasis(FilePolicy(private=("own-*",)))


@pytest.fixture
def follow(tmp_path: Path, basis: CurrentBasis, clock: Clock) -> Callable[[bytes], FollowedPolicyFile]:
    """Write a policy file, and follow it."""

    def begin(text: bytes) -> FollowedPolicyFile:
        path = tmp_path / "policy.yaml"
        path.write_bytes(text)
        return FollowedPolicyFile(path, basis, clock)

    return begin


def put(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "policy.yaml").write_bytes(text)


def test_a_policy_file_is_in_force_at_once_and_a_changed_one_after_a_reload(
    tmp_path: Path, basis: CurrentBasis, follow: Callable[[bytes], FollowedPolicyFile], clock: Clock
) -> None:
    followed = follow(STRICT)
    assert basis.policy.rules.cooldown.age == "30d"
    before = basis.value
    clock.now = 2
    followed.reload()
    assert basis.value is before, "nothing has changed, so no page is decided again"
    assert (followed.state.loaded, followed.looked) == (1, 2)
    put(tmp_path, LAX)
    followed.reload()
    assert basis.policy.rules.cooldown == Cooldown(action=Action.OFF)
    assert followed.state == FileState(sha256(LAX).hexdigest(), 2)
    assert followed.state.usable


def test_names_of_the_file_are_private_in_addition_to_those_of_the_settings(
    tmp_path: Path, basis: CurrentBasis, follow: Callable[[bytes], FollowedPolicyFile]
) -> None:
    followed = follow(PRIVATE)
    assert [basis.policy.is_private(name) for name in ("own-app", "acme-app", "numpy")] == [True, True, False]
    put(tmp_path, b"{}")
    followed.reload()
    assert [basis.policy.is_private(name) for name in ("own-app", "acme-app", "numpy")] == [True, False, False]


@pytest.mark.parametrize(
    "broken",
    [
        b"policy: [",
        b"policy: {cooldown: {age: soon}}",
        b"policy: {cooldwon: {}}",
        b"\xff",
        b"#" * 1024**2 + b"#",
        None,
    ],
)
def test_a_broken_or_missing_file_leaves_the_last_good_one_in_force(
    tmp_path: Path,
    basis: CurrentBasis,
    follow: Callable[[bytes], FollowedPolicyFile],
    broken: bytes | None,
    caplog: pytest.LogCaptureFixture,
    clock: Clock,
) -> None:
    """U11: a failed parse never permits more than before."""
    followed = follow(STRICT)
    before = basis.value
    if broken is None:
        (tmp_path / "policy.yaml").unlink()
    else:
        put(tmp_path, broken)
    clock.now = 2
    for _ in range(2):
        followed.reload()
    assert basis.value is before
    assert [record.levelno for record in caplog.records] == [logging.ERROR], "it is logged once"
    assert (followed.state.usable, followed.state.revision, followed.state.loaded, followed.looked) == (
        False,
        sha256(STRICT).hexdigest(),
        1,
        2,
    )
    assert "policy.yaml" in followed.state.error
    put(tmp_path, STRICT)
    followed.reload()
    assert followed.state.usable, "the file that was in force the whole time counts again"


@pytest.mark.parametrize("broken", [b"policy: [", None])
def test_without_a_valid_file_no_server_starts(tmp_path: Path, basis: CurrentBasis, broken: bytes | None) -> None:
    path = tmp_path / "policy.yaml"
    if broken is not None:
        path.write_bytes(broken)
    with pytest.raises((InvalidSettingsError, OSError)):
        FollowedPolicyFile(path, basis, Clock())


async def test_an_unexpected_failure_leaves_the_last_good_file_in_force_and_is_tried_again(
    tmp_path: Path,
    basis: CurrentBasis,
    follow: Callable[[bytes], FollowedPolicyFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    followed = follow(STRICT)
    put(tmp_path, LAX)

    def fail(_text: bytes) -> None:
        raise RuntimeError("odd")

    with monkeypatch.context() as patched:
        patched.setattr(module, "parse_policy", fail)
        with pytest.raises(RuntimeError):
            await followed.follow()
    assert (basis.policy.rules.cooldown.age, followed.state.usable) == ("30d", False)
    await followed.follow()
    assert (basis.policy.rules.cooldown.action, followed.state.usable) == (Action.OFF, True)
    followed.close()

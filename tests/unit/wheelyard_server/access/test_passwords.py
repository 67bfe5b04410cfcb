import asyncio
import threading

import pytest

from support.patience import HANG_SECONDS, let_tasks_run
from wheelyard_server.access import passwords
from wheelyard_server.access.access_file import Password
from wheelyard_server.access.hash_slots import HashSlots
from wheelyard_server.access.password_hashes import NOBODYS
from wheelyard_server.access.passwords import (
    BELIEVED_SECONDS,
    FAILURE_SECONDS,
    MAX_PASSWORD_BYTES,
    SLOT_SECONDS,
    PasswordChecker,
)
from wheelyard_server.access.throttle import USER_FAILURES
from wheelyard_server.errors import BusyError, TooManyAttemptsError

STORED = Password(hash="stored")
RIGHT = "correct horse"
HOME = "192.0.2.1"


class World:
    """Hashes that cost nothing and are counted; a clock that only goes when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds, self.cost = 0.0, 0.0
        self.slept: list[float] = []
        self.compared: list[Password] = []
        self.gate = threading.Event()
        self.gate.set()
        self.let_through: set[str] = set()
        """Passwords that need not wait at the gate."""
        self.checker = PasswordChecker(lambda: self.seconds, self.compare, HashSlots(processors=2))
        monkeypatch.setattr(passwords, "sleep", self.sleep)

    def compare(self, stored: Password, password: str) -> bool:
        if password not in self.let_through:
            self.gate.wait(HANG_SECONDS)
        self.seconds += self.cost
        self.compared.append(stored)
        return stored == STORED and password == RIGHT

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += max(seconds, 0)

    async def check(self, user: str = "jenkins", password: str = RIGHT, *stored: Password) -> bool:
        return await self.checker.check(user, (password,), stored, HOME)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def test_one_hash_for_an_install_of_300_requests(world: World) -> None:
    assert all([await world.check("jenkins", RIGHT, STORED) for _ in range(300)])
    assert len(world.compared) == 1
    world.seconds += BELIEVED_SECONDS
    assert await world.check("jenkins", RIGHT, STORED)
    assert len(world.compared) == 2


async def test_simultaneous_requests_share_one_hash(world: World) -> None:
    world.gate.clear()
    checks = asyncio.gather(*(world.check("jenkins", RIGHT, STORED) for _ in range(300)))
    await let_tasks_run()
    world.gate.set()
    assert all(await checks)
    assert len(world.compared) == 1


async def test_another_hash_is_another_login(world: World) -> None:
    assert await world.check("jenkins", RIGHT, STORED)
    assert not await world.check("jenkins", RIGHT, Password(hash="changed"))
    assert not await world.check("jenkins", RIGHT)
    assert not await world.check("other", RIGHT, Password(hash="theirs"))


KINDS = {
    "unknown name": ((), 0.035),
    "our own": ((STORED,), 0.035),
    "imported bcrypt": ((Password(hash="$2b$12$" + "a" * 53),), 0.25),
    "imported, over an older hash": ((Password(hash="$argon2id$", over="$6$rounds=200000$salt"),), 0.29),
    "two passwords": ((STORED, Password(hash="other")), 0.035),
    "damaged": ((Password(hash="?"),), 0.0),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_response_time_does_not_reveal_whether_a_user_exists(world: World, kind: str) -> None:
    """Neither by that of the answer, nor by how long others wait for their turn."""
    stored, world.cost = KINDS[kind]
    slept = world.slept
    assert not await world.check("jenkins", "wrong", *stored)
    assert world.compared == [*(stored or (NOBODYS,))]
    assert round(world.seconds, 6) == FAILURE_SECONDS
    assert len(slept) == 2, "in its slot, and before the answer"
    assert round(slept[0] + world.cost * len(world.compared), 6) == SLOT_SECONDS


async def test_a_slow_refusal_takes_a_whole_number_of_intervals(world: World) -> None:
    world.cost = 0.8
    assert not await world.check("jenkins", "wrong", STORED)
    assert round(world.seconds / FAILURE_SECONDS, 6) == 2


async def test_a_failure_is_never_remembered_as_a_success(world: World) -> None:
    for _ in range(3):
        assert not await world.check("jenkins", "wrong", STORED)
    assert len(world.compared) == 3


async def test_guessing_clients_are_throttled_and_logged_in_ones_are_not(world: World) -> None:
    assert await world.check("jenkins", RIGHT, STORED)
    for number in range(USER_FAILURES):
        assert not await world.check("jenkins", f"guess{number}", STORED)
    compared = len(world.compared)
    with pytest.raises(TooManyAttemptsError, match="tokens always work"):
        await world.check("jenkins", "guess", STORED)
    assert len(world.compared) == compared, "no hash for those who wait"
    assert await world.check("jenkins", RIGHT, STORED)


async def test_too_many_at_a_time(world: World) -> None:
    world.gate.clear()
    waiting = [asyncio.ensure_future(world.check(f"user{number}", "x", STORED)) for number in range(50)]
    await let_tasks_run()
    with pytest.raises(BusyError):
        await world.check("another", "x")
    world.gate.set()
    assert not any(await asyncio.gather(*waiting))
    assert not await world.check("another", "x")


async def test_a_canceled_check_does_not_cancel_the_others(world: World) -> None:
    world.gate.clear()
    gone, stays = (asyncio.ensure_future(world.check("jenkins", RIGHT, STORED)) for _ in range(2))
    await let_tasks_run()
    gone.cancel()
    world.gate.set()
    assert await stays


async def test_an_endless_password_costs_no_hash(world: World) -> None:
    assert not await world.check("jenkins", "x" * (MAX_PASSWORD_BYTES + 1), STORED)
    assert world.compared == []


async def test_a_password_is_not_refused_for_a_reading_of_it_that_is_too_long(world: World) -> None:
    """UTF-8 that is read as ISO 8859-1 has twice as many bytes."""
    right = "ü" * 70
    readings = (right, right.encode().decode("latin-1"))
    world.checker = PasswordChecker(lambda: world.seconds, lambda _, guess: guess == right)
    assert await world.checker.check("jenkins", readings, (STORED,), HOME)


async def test_cached_checks_are_bounded(world: World) -> None:
    for number in range(1100):
        assert await world.check(f"user{number}", RIGHT, STORED)
    assert len(world.checker._believed) == 1000
    assert world.checker._running == {}


async def test_a_password_that_can_be_read_in_two_ways_is_one_attempt(world: World) -> None:
    readings = ("other", RIGHT)
    for _ in range(3):
        assert await world.checker.check("jenkins", readings, (STORED,), HOME)
    assert len(world.compared) == 2, "then it is believed"
    for number in range(USER_FAILURES):
        assert not await world.checker.check("jenkins", (f"a{number}", f"b{number}"), (STORED,), HOME)
    with pytest.raises(TooManyAttemptsError):
        await world.checker.check("jenkins", ("a", "b"), (STORED,), HOME)


async def test_guesses_at_the_same_time_are_no_more_than_one_after_another(world: World) -> None:
    """Each is counted before it is compared, so that of 60 at a time 10 are, and the others are refused."""
    world.gate.clear()
    guesses = [asyncio.ensure_future(world.check("jenkins", f"guess{number}", STORED)) for number in range(60)]
    await let_tasks_run()
    world.gate.set()
    results = await asyncio.gather(*guesses, return_exceptions=True)
    assert len(world.compared) == USER_FAILURES
    refused = [each for each in results if isinstance(each, TooManyAttemptsError | BusyError)]
    assert (len(refused), results.count(False)) == (60 - USER_FAILURES, USER_FAILURES)
    with pytest.raises(TooManyAttemptsError):
        await world.check("jenkins", "another", STORED)


async def test_300_requests_with_the_right_password_at_a_time_are_no_guesses(world: World) -> None:
    assert all(await asyncio.gather(*(world.check("jenkins", RIGHT, STORED) for _ in range(300))))
    for number in range(USER_FAILURES):
        assert not await world.check("jenkins", f"guess{number}", STORED)


async def test_a_request_refused_as_busy_does_not_count_as_a_guess(world: World) -> None:
    world.gate.clear()
    waiting = [asyncio.ensure_future(world.check(f"user{number}", "x")) for number in range(50)]
    await let_tasks_run()
    for _ in range(2 * USER_FAILURES):
        with pytest.raises(BusyError):
            await world.check("jenkins", "x", STORED)
    world.gate.set()
    await asyncio.gather(*waiting)
    assert await world.check("jenkins", RIGHT, STORED)


async def test_a_name_with_many_guesses_waits_behind_itself_alone(world: World) -> None:
    """From many addresses, so no client is throttled. Others are served as soon as a slot is free."""
    world.gate.clear()
    guesses = [
        asyncio.ensure_future(world.checker.check("victim", (f"guess{number}",), [STORED], f"192.0.2.{number}"))
        for number in range(10)
    ]
    await let_tasks_run()
    with pytest.raises(BusyError):
        await world.checker.check("victim", ("guess",), [STORED], "198.51.100.1")
    world.let_through.add(RIGHT)
    assert await world.check("other", RIGHT, STORED)
    assert len(world.compared) == 1, "the other one's, while the first of the ten is still compared"
    world.gate.set()
    await asyncio.gather(*guesses)
    assert world.checker._names == {}


async def test_a_hash_that_takes_more_memory_than_there_is_is_not_verified(world: World) -> None:
    """As if there were none: at the same cost, and no answer shows it."""
    small = PasswordChecker(lambda: world.seconds, world.compare, HashSlots(memory=24 * 1024**2, processors=8))
    heavy = Password(hash="$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA")
    assert not await small.check("jenkins", (RIGHT,), [heavy], HOME)
    assert world.compared == [NOBODYS]


async def test_after_the_end_nothing_begins(world: World) -> None:
    world.gate.clear()
    waiting = [asyncio.ensure_future(world.check(f"user{number}", "x", STORED)) for number in range(8)]
    await let_tasks_run()
    world.checker.close()
    world.gate.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert len(world.compared) <= 2, "those that had begun"

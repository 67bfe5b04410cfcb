import asyncio
import threading

import pytest

from wheelyard_server.access import passwords
from wheelyard_server.access.file import Password
from wheelyard_server.access.password_hashes import NOBODYS
from wheelyard_server.access.passwords import BELIEVED_SECONDS, FAILURE_SECONDS, LONGEST_PASSWORD, PasswordChecker
from wheelyard_server.access.throttle import USER_FAILURES
from wheelyard_server.errors import BusyError, TooManyAttemptsError

STORED = Password(hash="stored")
RIGHT = "correct horse"
HOME = "192.0.2.1"


class World:
    """Hashes that cost nothing and are counted; a clock that only goes when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.compared: list[Password] = []
        self.gate = threading.Event()
        self.gate.set()
        self.checker = PasswordChecker(lambda: self.seconds, self.compare)
        monkeypatch.setattr(passwords, "sleep", self.sleep)

    def compare(self, stored: Password, password: str) -> bool:
        self.gate.wait(10)
        self.compared.append(stored)
        return stored == STORED and password == RIGHT

    async def sleep(self, seconds: float) -> None:
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


async def test_one_hash_for_all_who_come_at_once(world: World) -> None:
    world.gate.clear()
    checks = asyncio.gather(*(world.check("jenkins", RIGHT, STORED) for _ in range(300)))
    await asyncio.wait([asyncio.ensure_future(checks)], timeout=0.05)
    world.gate.set()
    assert all(await checks)
    assert len(world.compared) == 1


async def test_another_hash_is_another_login(world: World) -> None:
    assert await world.check("jenkins", RIGHT, STORED)
    assert not await world.check("jenkins", RIGHT, Password(hash="changed"))
    assert not await world.check("jenkins", RIGHT)
    assert not await world.check("other", RIGHT, Password(hash="theirs"))


@pytest.mark.parametrize("stored", [(STORED,), ()], ids=["wrong password", "unknown user"])
async def test_whether_a_user_exists_is_not_told_by_the_time(world: World, stored: tuple[Password, ...]) -> None:
    assert not await world.check("jenkins", "wrong", *stored)
    assert world.compared == [*(stored or (NOBODYS,))], "one hash either way"
    assert world.seconds == FAILURE_SECONDS


async def test_a_failure_is_never_remembered_as_a_success(world: World) -> None:
    for _ in range(3):
        assert not await world.check("jenkins", "wrong", STORED)
    assert len(world.compared) == 3


async def test_who_guesses_has_to_wait_and_who_is_logged_in_has_not(world: World) -> None:
    assert await world.check("jenkins", RIGHT, STORED)
    for number in range(USER_FAILURES):
        assert not await world.check("jenkins", f"guess{number}", STORED)
    compared = len(world.compared)
    with pytest.raises(TooManyAttemptsError, match="tokens work at any time"):
        await world.check("jenkins", "guess", STORED)
    assert len(world.compared) == compared, "no hash for those who wait"
    assert await world.check("jenkins", RIGHT, STORED)


async def test_too_many_at_a_time(world: World) -> None:
    world.gate.clear()
    waiting = [asyncio.ensure_future(world.check(f"user{number}", "x")) for number in range(50)]
    await asyncio.wait(waiting, timeout=0.05)
    with pytest.raises(BusyError):
        await world.check("another", "x")
    world.gate.set()
    assert not any(await asyncio.gather(*waiting))
    assert not await world.check("another", "x")


async def test_who_goes_away_takes_nobody_along(world: World) -> None:
    world.gate.clear()
    gone, stays = (asyncio.ensure_future(world.check("jenkins", RIGHT, STORED)) for _ in range(2))
    await asyncio.wait([gone], timeout=0.05)
    gone.cancel()
    world.gate.set()
    assert await stays


async def test_an_endless_password_costs_no_hash(world: World) -> None:
    assert not await world.check("jenkins", "x" * (LONGEST_PASSWORD + 1), STORED)
    assert world.compared == []


async def test_what_is_remembered_is_bounded(world: World) -> None:
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

"""Passwords: one slow hash for each login and minute, off the event loop, and the same answer to all who guess.

Nothing that a guesser can measure tells whether a name exists, or what kind of hash it has. Costs differ: a hash
of our own takes 35 ms, an imported one up to 300 (`password_costs` has the bounds). So every comparison that fails
keeps its slot for a whole multiple of `SLOT_SECONDS`, whatever it was: names that do not exist, which are compared
with a hash that nothing fits, imported hashes, our own, and damaged ones. How long others wait behind it is then
the same for all of them, too. Besides, the answer comes at a whole multiple of `FAILURE_SECONDS` after the request.
A comparison that succeeds frees its slot at once: whoever sees that has the password. What remains is a server
so busy that a costly hash overruns its slot.

Failures are counted before the comparison and taken back when it succeeds, so that many guesses at a time are no
more guesses than one after another.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
from asyncio import sleep
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from wheelyard_server.access.access_file import Password
from wheelyard_server.access.hash_slots import HashSlots
from wheelyard_server.access.password_costs import memory_kib
from wheelyard_server.access.password_hashes import NOBODYS, fits
from wheelyard_server.access.throttle import Throttle
from wheelyard_server.errors import BusyError

log = logging.getLogger(__name__)

BELIEVED_SECONDS = 60
"""How long a password that was right needs no hash again."""

SLOT_SECONDS = 0.3
"""Longer than any hash takes."""
FAILURE_SECONDS = 0.5
"""When a failure is answered, counted from the request: longer than any hash takes, so that it tells nothing."""

MAX_PASSWORD_BYTES = 256
"""Bytes: what an old hash costs grows with it."""
_WAITING = 50
"""Checks that may wait for a thread; hashing takes memory and time by design."""
_WAITING_OF_A_NAME = 10

_REMEMBERED = 1000

_Check = Callable[[Password, str], bool]


@dataclass(frozen=True, slots=True)
class _Guess:
    """One attempt to log in."""

    user: str
    readings: tuple[str, ...]
    """What the bytes that were sent may mean."""
    candidates: tuple[Password, ...]


class PasswordChecker:
    """Checks passwords. Tokens never come here, so whatever guessers do, tokens work."""

    def __init__(self, clock: Callable[[], float], check: _Check = fits, slots: HashSlots | None = None) -> None:
        """`clock` gives seconds that only grow; `check` compares one password, slowly."""
        self._clock = clock
        self._slots = slots or HashSlots()
        self._check = check
        self._throttle = Throttle(clock)
        self._key = secrets.token_bytes(32)
        self._believed: OrderedDict[bytes, float] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[bool]] = {}
        self._names: Counter[str] = Counter()
        """How many of them are of one name."""
        self._threads = ThreadPoolExecutor(self._slots.slots, thread_name_prefix="password")

    async def check(self, user: str, readings: Sequence[str], stored: Iterable[Password], address: str) -> bool:
        """Return whether what was sent is one of the user's passwords, in any reading of its bytes.

        `stored` is empty where there is no such user. Raises `TooManyAttemptsError`, and `BusyError` if too many
        others are being checked.
        """
        readings = [each for each in readings if len(each.encode(errors="surrogatepass")) <= MAX_PASSWORD_BYTES]
        if not readings:
            return False
        guess = _Guess(user, tuple(readings), tuple(filter(self._has_room, stored)) or (NOBODYS,))
        login = self._digest(guess)
        if self._believed.get(login, 0) > self._clock():
            return True
        start = self._clock()
        task = self._running.get(login) or self._begin(login, guess, address)
        if await asyncio.shield(task):
            return True
        await sleep(_to_multiple(self._clock() - start, FAILURE_SECONDS))
        return False

    def close(self) -> None:
        """Begin no hash any more; one that runs takes no longer than `SLOT_SECONDS`."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, login: bytes, guess: "_Guess", address: str) -> asyncio.Task[bool]:
        """Compare, once for all who come with the same login meanwhile: that is one guess."""
        user = guess.user
        if len(self._running) >= _WAITING or self._names[user] >= _WAITING_OF_A_NAME:
            raise BusyError("Too many logins by password at a time, try again; tokens work at any time")
        self._throttle.begin(user, address)
        self._names[user] += 1
        task = self._running[login] = asyncio.create_task(self._compare(guess))

        def ended(task: asyncio.Task[bool]) -> None:
            del self._running[login]
            self._names -= Counter({user: 1})
            if not task.cancelled() and not task.exception() and task.result():
                self._throttle.succeeded(user, address)
                self._believe(login)

        task.add_done_callback(ended)
        return task

    async def _compare(self, guess: "_Guess") -> bool:
        async with self._slots.reserve(guess.user, max(map(_memory, guess.candidates))):
            start = self._clock()
            if await self._fits(guess):
                return True
            await sleep(_to_multiple(self._clock() - start, SLOT_SECONDS * len(guess.readings)))
        return False

    async def _fits(self, guess: "_Guess") -> bool:
        loop = asyncio.get_running_loop()
        for password in guess.readings:
            results = [
                await loop.run_in_executor(self._threads, self._check, each, password) for each in guess.candidates
            ]
            if any(results):
                return True
        return False

    def _has_room(self, stored: Password) -> bool:
        if _memory(stored) <= max(self._slots.memory, _memory(NOBODYS)):
            return True
        log.warning("A password's hash takes more memory than this server has for hashes: a quarter of its limit")
        return False

    def _believe(self, login: bytes) -> None:
        self._believed[login] = self._clock() + BELIEVED_SECONDS
        self._believed.move_to_end(login)
        while len(self._believed) > _REMEMBERED:
            self._believed.popitem(last=False)

    def _digest(self, guess: "_Guess") -> bytes:
        """Return what is remembered of a login: it does not tell the password, and ends with the stored hash."""
        parts = (guess.user, *guess.readings, "", *(each.hash for each in guess.candidates))
        text = b"".join(len(part).to_bytes(4, "big") + part.encode(errors="surrogatepass") for part in parts)
        return hmac.digest(self._key, text, hashlib.sha256)


def _to_multiple(seconds: float, unit: float) -> float:
    """Return how long it is to the next whole multiple of a unit."""
    return unit - seconds % unit


def _memory(stored: Password) -> int:
    """Return bytes; a hash that is damaged takes none."""
    try:
        return memory_kib(stored.hash) * 1024
    except ValueError:
        return 0

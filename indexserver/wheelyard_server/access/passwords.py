"""Password checks: one slow hash per login and minute, off the event loop, and the same answer to every guess.

Nothing that an attacker can measure shows whether a name exists, or what kind of hash it has.
Hashes differ in cost: ours takes 35 ms, an imported one up to 300 ms (see `password_costs`). So
every failed check keeps its slot for a whole multiple of `SLOT_SECONDS`, whatever was checked: an
unknown name (checked against a hash that no password fits), an imported hash, our own, or a damaged
one. The time that others wait behind it is therefore the same, too. In addition, the answer is sent
at a whole multiple of `FAILURE_SECONDS` after the request. A successful check frees its slot
immediately: only someone with the password can observe that. The remaining leak is a server so busy
that a costly hash overruns its slot.

Each attempt is counted as a failure before the check, and uncounted if it succeeds. So concurrent
guesses gain nothing over sequential ones.
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
from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import BusyError

log = logging.getLogger(__name__)

BELIEVED_SECONDS = 60
"""How long a correct password is accepted without hashing it again."""

SLOT_SECONDS = 0.3
"""How long a failed check keeps its slot: longer than any hash takes."""
FAILURE_SECONDS = 0.5
"""When a failure is answered after the request: later than any hash ends, so the time reveals
nothing."""

MAX_PASSWORD_BYTES = 256
"""The cost of old hashes grows with the length of the password."""
_WAITING = 50
"""Maximum number of checks in progress, since hashing takes memory and time by design."""
_WAITING_PER_USER = 10

_REMEMBERED = 1000

_Check = Callable[[Password, str], bool]


@dataclass(frozen=True, slots=True)
class _Guess:
    """One attempt to log in."""

    user: str
    readings: tuple[str, ...]
    """The password in each possible encoding."""
    candidates: tuple[Password, ...]


class PasswordChecker:
    """Checks passwords. Tokens do not pass through here, so they work during an attack."""

    def __init__(self, clock: MonotonicClock, check: _Check = fits, slots: HashSlots | None = None) -> None:
        """`check` verifies one password, slowly."""
        self._clock = clock
        self._slots = slots or HashSlots()
        self._check = check
        self._throttle = Throttle(clock)
        self._key = secrets.token_bytes(32)
        self._believed: OrderedDict[bytes, float] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[bool]] = {}
        self._names: Counter[str] = Counter()
        """Checks in progress per user name."""
        self._threads = ThreadPoolExecutor(self._slots.slots, thread_name_prefix="password")

    async def check(self, user: str, readings: Sequence[str], stored: Iterable[Password], address: str) -> bool:
        """Return whether one of the `readings` is one of the user's passwords.

        `stored` is empty if there is no such user. Raises `TooManyAttemptsError`, and `BusyError`
        if too many checks are in progress.
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
        """Start no more hashes; a running one takes no longer than `SLOT_SECONDS`."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, login: bytes, guess: "_Guess", address: str) -> asyncio.Task[bool]:
        """Start a check, which concurrent requests with the same login share as one guess."""
        user = guess.user
        if len(self._running) >= _WAITING or self._names[user] >= _WAITING_PER_USER:
            raise BusyError("Too many logins by password at the moment, try again; tokens always work")
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
        log.warning("A password is ignored: its hash needs more memory than a quarter of this server's limit")
        return False

    def _believe(self, login: bytes) -> None:
        self._believed[login] = self._clock() + BELIEVED_SECONDS
        self._believed.move_to_end(login)
        while len(self._believed) > _REMEMBERED:
            self._believed.popitem(last=False)

    def _digest(self, guess: "_Guess") -> bytes:
        """Return the key that a login is remembered by. It hides the password and depends on the stored hash."""
        parts = (guess.user, *guess.readings, "", *(each.hash for each in guess.candidates))
        text = b"".join(len(part).to_bytes(4, "big") + part.encode(errors="surrogatepass") for part in parts)
        return hmac.digest(self._key, text, hashlib.sha256)


def _to_multiple(seconds: float, unit: float) -> float:
    """Return the seconds until the next whole multiple of a unit."""
    return unit - seconds % unit


def _memory(stored: Password) -> int:
    """Return the bytes of memory that verifying a hash takes; 0 if it is damaged."""
    try:
        return memory_kib(stored.hash) * 1024
    except ValueError:
        return 0

"""Passwords: one slow hash for each login and minute, off the event loop, and the same answer to all who guess."""

import asyncio
import hashlib
import hmac
import os
import secrets
from asyncio import sleep
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from wheelyard_server.access.file import Password
from wheelyard_server.access.password_hashes import NOBODYS, fits
from wheelyard_server.access.throttle import Throttle
from wheelyard_server.errors import BusyError

BELIEVED_SECONDS = 60
"""How long a password that was right needs no hash again."""

FAILURE_SECONDS = 0.5
"""When a failure is answered, counted from the request: longer than any hash takes, so that it tells nothing."""

LONGEST_PASSWORD = 4096
_WAITING = 50
"""Checks that may wait for a thread; hashing takes memory and time by design."""

_REMEMBERED = 1000

_Check = Callable[[Password, str], bool]


class PasswordChecker:
    """Checks passwords. Tokens never come here, so whatever guessers do, tokens work."""

    def __init__(self, clock: Callable[[], float], check: _Check = fits) -> None:
        """`clock` gives seconds that only grow; `check` compares one password, slowly."""
        self._clock = clock
        self._check = check
        self._throttle = Throttle(clock)
        self._key = secrets.token_bytes(32)
        self._believed: OrderedDict[bytes, float] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[bool]] = {}
        self._threads = ThreadPoolExecutor(_processors(), thread_name_prefix="password")

    async def check(self, user: str, readings: Sequence[str], stored: Iterable[Password], address: str) -> bool:
        """Tell whether what was sent is one of the user's passwords, in any reading of its bytes.

        `stored` is empty where there is no such user. Raises `TooManyAttemptsError`, and `BusyError` if too many
        others are being checked.
        """
        if any(len(each) > LONGEST_PASSWORD for each in readings):
            return False
        candidates = tuple(stored) or (NOBODYS,)
        logins = {self._digest(user, each, candidates): each for each in readings}
        if any(self._believed.get(login, 0) > self._clock() for login in logins):
            return True
        self._throttle.check(user, address)
        earliest = self._clock() + FAILURE_SECONDS
        for login, password in logins.items():
            if await asyncio.shield(self._compared(login, candidates, password)):
                self._believe(login)
                return True
        self._throttle.failed(user, address)
        await sleep(earliest - self._clock())
        return False

    def _compared(self, login: bytes, candidates: tuple[Password, ...], password: str) -> asyncio.Task[bool]:
        """Compare, once for all who come with the same login meanwhile."""
        task = self._running.get(login)
        if task is None:
            if len(self._running) >= _WAITING:
                raise BusyError("Too many logins by password at a time, try again; tokens work at any time")
            task = self._running[login] = asyncio.create_task(self._compare(candidates, password))
            task.add_done_callback(lambda _: self._running.pop(login))
        return task

    async def _compare(self, candidates: tuple[Password, ...], password: str) -> bool:
        loop = asyncio.get_running_loop()
        results = [await loop.run_in_executor(self._threads, self._check, each, password) for each in candidates]
        return any(results)

    def _believe(self, login: bytes) -> None:
        self._believed[login] = self._clock() + BELIEVED_SECONDS
        self._believed.move_to_end(login)
        while len(self._believed) > _REMEMBERED:
            self._believed.popitem(last=False)

    def _digest(self, user: str, password: str, candidates: tuple[Password, ...]) -> bytes:
        """Return what is remembered of a login: it does not tell the password, and ends with the stored hash."""
        parts = (user, password, *(each.hash for each in candidates))
        text = b"".join(len(part).to_bytes(4, "big") + part.encode(errors="surrogatepass") for part in parts)
        return hmac.digest(self._key, text, hashlib.sha256)


def _processors() -> int | None:
    """Return how many this process may use, which may be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

"""The server's side of the child that renders READMEs."""

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from wheelyard_server.readmes.allowed import ForeignHtmlError, check
from wheelyard_server.readmes.frames import (
    LENGTH_BYTES,
    MAX_FRAME_BYTES,
    Answer,
    Hello,
    Outcome,
    Task,
    framed,
    length_of,
)

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-I", "-X", "utf8", "-m", "wheelyard_server.readmes.child")
START_SECONDS = 30.0
ANSWER_SECONDS = 5.0
"""The child itself ends each renderer after 2.2 seconds."""
_LARGE = 64 * 1024
"""HTML from this size is checked in a thread."""


class ChildError(Exception):
    """The child does not start, does not answer, or answers with something else."""


class Child:
    """A child process that answers one task at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        if process.stdin is None or process.stdout is None:
            raise ChildError("It has no pipes")
        self._tasks, self._answers = process.stdin, process.stdout

    @classmethod
    async def start(cls, command: Sequence[str]) -> "Child":
        """Start a child and wait until it is ready; raise `ChildError`."""
        try:
            # No environment: the server's may have credentials. A group of its own: Ctrl-C is for
            # the server.
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, start_new_session=True
            )
        except OSError as error:
            raise ChildError(f"It does not start: {error}") from error
        child = cls(process)
        try:
            hello = msgspec.msgpack.decode(await child._read(START_SECONDS), type=Hello)
        except BaseException as error:
            await child.kill()
            if isinstance(error, msgspec.MsgspecError):
                raise ChildError("It does not begin as it should") from error
            raise
        if not hello.filtered:
            log.warning("The renderers of READMEs have no filter of system calls: this system has none for them")
        return child

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        return self._process.pid

    async def ask(self, task: Task) -> Answer:
        """Return what became of a task; raise `ChildError`, after which the child is of no use."""
        try:
            self._tasks.write(framed(task))
            await self._tasks.drain()
            answer = msgspec.msgpack.decode(await self._read(ANSWER_SECONDS), type=Answer)
        except (OSError, msgspec.MsgspecError) as error:
            raise ChildError(f"It does not answer: {error}") from error
        return await _checked(answer)

    async def _read(self, seconds: float) -> bytes:
        try:
            async with asyncio.timeout(seconds):
                length = length_of(await self._answers.readexactly(LENGTH_BYTES))
                if length > MAX_FRAME_BYTES:
                    raise ChildError(f"It wants to send {length} bytes")
                return await self._answers.readexactly(length)
        except (TimeoutError, EOFError) as error:
            raise ChildError(f"It does not answer: {error!r}") from error

    async def close(self) -> None:
        """Let the child end; it does when it has no more tasks to read."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._end()
        except TimeoutError:
            log.warning("The child that renders READMEs did not end by itself")
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End the child and its renderer at once."""
        # The id of a process that has ended may be another one's by now.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._end()

    async def _end(self) -> None:
        self._tasks.close()
        # asyncio closes the transport when both have happened.
        await self._answers.read()
        await self._process.wait()


async def _checked(answer: Answer) -> Answer:
    try:
        if len(answer.html) < _LARGE:
            check(answer.html)
        else:
            await asyncio.to_thread(check, answer.html)
    except ForeignHtmlError as error:
        log.warning("The child that renders READMEs wrote HTML that is not allowed, which is not shown: %s", error)
        return Answer(Outcome.FAILED)
    return answer

"""READMEs for pages: rendered once, cached by digest, and as plain text whenever that fails."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.metadata import version
from typing import NamedTuple

from wheelyard_server.readmes.child_process import ANSWER_SECONDS, COMMAND, Child, ChildError
from wheelyard_server.readmes.frames import MAX_TEXT_BYTES, Answer, Outcome, Task
from wheelyard_server.readmes.kept import KeptReadmes
from wheelyard_server.readmes.markups import Markup, markup_of
from wheelyard_server.readmes.turns import Turns

log = logging.getLogger(__name__)

MAX_WAITING = 8
_LIBRARIES = ("readme-renderer", "comrak", "docutils", "lxml", "nh3", "pygments")
_EDITION = "1"
"""Changes with `rewriting`, so that older HTML is not used any more."""
_NOTES = {
    Outcome.INVALID: "This description is not valid in its markup, so it is shown as text.",
    Outcome.SLOW: "Rendering this description takes too long, so it is shown as text.",
    Outcome.LARGE: "This description is too long to be rendered, so it is shown as text.",
    Outcome.FAILED: "This description cannot be rendered, so it is shown as text.",
    Outcome.BUSY: "This description is not rendered yet, so it is shown as text. Reload the page a little later.",
}
_CUT = " Its end is not shown."


class Readme(NamedTuple):
    """A README as a part of a page."""

    html: str
    """Safe, as `allowed` describes it; or escaped text in `<pre class="text">`."""
    note: str = ""
    """Why it is plain text, as a sentence for readers; "" if that is as it should be."""

    @property
    def is_final(self) -> bool:
        """Return whether it stays like this: no page may be kept with one that had no time to be rendered."""
        return self.note != _NOTES[Outcome.BUSY]

    @property
    def has_code(self) -> bool:
        """Return whether it needs the stylesheet of highlighted code."""
        return '<span class="' in self.html


class Times(NamedTuple):
    """How long things take, in seconds."""

    wait_seconds: float = 2.2
    """How long a page waits for its README."""
    idle_seconds: float = 10 * 60
    """After so long without a README to render, the child ends."""


@dataclass(eq=False)
class _Job:
    key: str
    task: Task
    answered: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Readmes:
    """READMEs of one server. They are rendered one after the other, in a child that starts when needed."""

    def __init__(
        self,
        kept: KeptReadmes | None,
        count: Callable[[str], None],
        *,
        images: bool = False,
        command: Sequence[str] | None = COMMAND,
        times: Times | None = None,
    ) -> None:
        """`kept` has READMEs on the disk, too; `count` is called with each `Outcome`.

        `command` starts the child; without it, all READMEs are plain text.
        """
        self._kept = kept or KeptReadmes(None)
        self._count = count
        self._images = images
        self._command = command
        self._times = times or Times()
        self._edition = "" if command is None else _edition()
        self._waiting: Turns[_Job] = Turns(MAX_WAITING)
        self._jobs: dict[str, _Job] = {}
        """All that wait or are being rendered, by key."""
        self._work: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self.child: Child | None = None
        """The running child."""

    @property
    def is_working(self) -> bool:
        """Return whether a README is being rendered or waits."""
        return self._work is not None

    def key(self, text: str, content_type: str) -> str:
        """Return the name under which `cached` finds a README."""
        facts = f"{self._edition}\n{self._images}\n{markup_of(content_type)}\n{text}"
        return hashlib.sha256(facts.encode(errors="replace")).hexdigest()

    def cached(self, key: str) -> Readme | None:
        """Return a rendered README that is in memory; None: `html` has to be asked."""
        kept = self._kept.in_memory(key)
        return Readme(kept.html) if kept is not None and kept.outcome is Outcome.RENDERED else None

    async def html(self, text: str, content_type: str, uploader: str) -> Readme:
        """Return a README, after 2.2 seconds at most; `uploader` pays for the time that it takes."""
        markup = markup_of(content_type)
        if markup is None or self._command is None or not text.strip():
            return _plain(text)
        if len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
            self._count(Outcome.LARGE)
            return _plain(text, _NOTES[Outcome.LARGE])
        answer = await self._answer(self.key(text, content_type), text, markup, uploader)
        if answer.outcome is Outcome.RENDERED:
            return Readme(answer.html)
        if answer.outcome is Outcome.INVALID and not content_type:
            return _plain(text)  # It was taken for reStructuredText without saying so.
        return _plain(text, _NOTES[answer.outcome])

    async def _answer(self, key: str, text: str, markup: Markup, uploader: str) -> Answer:
        kept = await self._kept.find(key)
        if kept is not None:
            return kept
        job = self._jobs.get(key) or self._add(key, text, markup, uploader)
        await asyncio.wait([job.answered], timeout=self._times.wait_seconds)
        return job.answered.result() if job.answered.done() else self._not_now()

    def _add(self, key: str, text: str, markup: Markup, uploader: str) -> _Job:
        readable = text.encode(errors="replace").decode()
        job = self._jobs[key] = _Job(key, Task(readable, markup, self._images))
        dropped = self._waiting.add(uploader, job)
        if dropped is not None:
            self._finish(dropped, Answer(Outcome.BUSY))
        if self._work is None and len(self._waiting):
            self._stop_idling()
            self._work = asyncio.create_task(self._render_all(), name="rendering READMEs")
        return job

    def _not_now(self) -> Answer:
        self._count(Outcome.BUSY)
        return Answer(Outcome.BUSY)

    async def _render_all(self) -> None:
        try:
            while len(self._waiting):
                await self._render(self._waiting.next())
        finally:
            self._work = None
        self._idle = asyncio.get_running_loop().call_later(self._times.idle_seconds, self._end_idle_child)

    async def _render(self, job: _Job) -> None:
        answer = Answer(Outcome.BUSY)
        try:
            answer = await self._asked(job.task)
            if answer.outcome is not Outcome.BUSY:
                await self._kept.keep(job.key, answer)
        finally:
            self._finish(job, answer)

    async def _asked(self, task: Task) -> Answer:
        try:
            if self.child is None:
                self.child = await Child.start(self._command or ())
            return await self.child.ask(task)
        except ChildError as error:
            # The text is not the reason: the child outlives all that its renderers do.
            log.warning("A README is shown as text, since the child that renders READMEs failed. %s", error)
            await self._lose_child()
            return Answer(Outcome.BUSY)

    def _finish(self, job: _Job, answer: Answer) -> None:
        del self._jobs[job.key]
        self._count(answer.outcome)
        job.answered.set_result(answer)

    async def _lose_child(self) -> None:
        child, self.child = self.child, None
        if child is not None:
            await child.kill()

    def _stop_idling(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _end_idle_child(self) -> None:
        self._idle = None
        self._work = asyncio.create_task(self._end_child(), name="ending the child that renders READMEs")

    async def _end_child(self) -> None:
        child, self.child = self.child, None
        try:
            if child is not None:
                await child.close()
        finally:
            self._work = None
        # A README that came meanwhile has waited for this.
        if len(self._waiting):
            self._work = asyncio.create_task(self._render_all(), name="rendering READMEs")

    async def close(self) -> None:
        """End the child. What still waits is not rendered."""
        self._stop_idling()
        work = self._work
        if work is not None:
            work.cancel()
            await asyncio.wait([work], timeout=ANSWER_SECONDS)
        self._stop_idling()
        for job in list(self._jobs.values()):
            self._finish(job, Answer(Outcome.BUSY))
        await self._lose_child()


def _plain(text: str, note: str = "") -> Readme:
    shown = text[:MAX_TEXT_BYTES]
    if len(shown) < len(text):
        note = (note or "This description is long.") + _CUT
    return Readme(f'<pre class="text">{escape(shown)}</pre>', note)


@cache
def _edition() -> str:
    return " ".join([_EDITION, *(f"{each}={version(each)}" for each in _LIBRARIES)])

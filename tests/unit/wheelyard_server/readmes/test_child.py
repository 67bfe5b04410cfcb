import asyncio
import os
from pathlib import Path

import pytest

from wheelyard_server.readmes.child_process import Child
from wheelyard_server.readmes.frames import MAX_HTML_BYTES, Answer, Outcome, Task
from wheelyard_server.readmes.markups import Markup


async def ask(child: Child, text: str) -> Answer:
    return await child.ask(Task(text, Markup.GFM))


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("spin", Outcome.SLOW),
        ("hoard", Outcome.FAILED),
        ("abort", Outcome.FAILED),
        ("recursion", Outcome.FAILED),
        ("large", Outcome.LARGE),
        ("invalid", Outcome.INVALID),
    ],
)
async def test_a_text_ends_its_own_renderer_and_the_child_answers_the_next(
    child: Child, text: str, outcome: Outcome
) -> None:
    assert await ask(child, text) == Answer(outcome)
    assert await ask(child, "hello") == Answer(Outcome.RENDERED, "<p>hello</p>")


async def test_a_renderer_that_ignores_the_limits_signals_is_killed(child: Child) -> None:
    assert await ask(child, "outlive") == Answer(Outcome.SLOW)


async def test_a_machine_without_time_is_no_fault_of_the_text(command: tuple[str, ...]) -> None:
    child = await Child.start((*command, "hurried"))
    try:
        assert await ask(child, "spin") == Answer(Outcome.BUSY)
    finally:
        await child.close()


async def test_no_text_leaves_anything_to_the_next(child: Child) -> None:
    assert [(await ask(child, "remember")).html for _ in range(2)] == ["1", "1"]


async def test_the_largest_html_arrives_whole(child: Child) -> None:
    assert len((await ask(child, "largest")).html) == MAX_HTML_BYTES


async def test_no_environment_is_passed_on(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made up")
    # Python itself sets the one.
    assert set((await ask(child, "environment")).html.split()) <= {"LC_CTYPE"}


async def test_it_ends_when_its_server_does(command: tuple[str, ...]) -> None:
    child = await Child.start(command)
    assert os.getpgid(child.pid) == child.pid
    await child.close()
    assert not Path(f"/proc/{child.pid}").exists()


async def test_it_stands_back_behind_its_server(child: Child) -> None:
    assert os.getpriority(os.PRIO_PROCESS, child.pid) >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)
    assert os.sched_getaffinity(child.pid) >= os.sched_getaffinity(0)
    assert Path(f"/proc/{child.pid}/oom_score_adj").read_text() == "1000\n"


async def test_texts_of_all_scripts_come_back_as_they_are(child: Child) -> None:
    text = "h\N{LATIN SMALL LETTER E WITH ACUTE} \N{SNOWMAN} \N{PILE OF POO}"
    assert (await ask(child, text)).html == f"<p>{text}</p>"


async def test_children_of_two_servers_are_independent(command: tuple[str, ...]) -> None:
    first, second = await asyncio.gather(Child.start(command), Child.start(command))
    try:
        await first.kill()
        assert (await ask(second, "hello")).outcome is Outcome.RENDERED
    finally:
        await second.close()

import sys

import pytest

from wheelyard_server.readmes import child_process
from wheelyard_server.readmes.child_process import Child, ChildError
from wheelyard_server.readmes.frames import Answer, Outcome, Task
from wheelyard_server.readmes.markups import Markup

HELLO = Task("hello", Markup.GFM)


@pytest.mark.parametrize(
    "command",
    [("/no/such/program",), (sys.executable, "-c", ""), (sys.executable, "-c", "print('a' * 100)")],
)
async def test_a_program_that_is_no_child_is_an_error(command: tuple[str, ...]) -> None:
    with pytest.raises(ChildError):
        await Child.start(command)


async def test_a_child_that_begins_with_something_else_is_ended(command: tuple[str, ...]) -> None:
    with pytest.raises(ChildError):
        await Child.start((*command, "foreign"))


async def test_a_child_that_says_nothing_is_ended(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "START_SECONDS", 0.01)
    with pytest.raises(ChildError, match="does not answer"):
        await Child.start((*command, "silent"))


async def test_a_child_that_is_gone_is_an_error(child: Child) -> None:
    await child.kill()
    with pytest.raises(ChildError):
        await child.ask(HELLO)


async def test_html_that_is_not_allowed_is_not_believed(child: Child, caplog: pytest.LogCaptureFixture) -> None:
    assert await child.ask(Task("foreign", Markup.GFM)) == Answer(Outcome.FAILED)
    assert "HTML that is not allowed" in caplog.text
    assert (await child.ask(HELLO)).outcome is Outcome.RENDERED

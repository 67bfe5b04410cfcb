"""Children that render READMEs, with real renderers and with stand-ins."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support import readme_child
from support.patience import HANG_SECONDS
from wheelyard_server.readmes import child_process
from wheelyard_server.readmes.child_process import Child

STAND_IN = (sys.executable, "-I", str(Path(readme_child.__file__)))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a hang ends the wait for a child."""
    monkeypatch.setattr(child_process, "ANSWER_SECONDS", HANG_SECONDS)


@pytest.fixture
def command() -> tuple[str, ...]:
    """Return the command that starts a child; modules choose another one."""
    return STAND_IN


@pytest.fixture
async def child(command: tuple[str, ...]) -> AsyncIterator[Child]:
    started = await Child.start(command)
    yield started
    await started.close()

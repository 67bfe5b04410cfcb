"""Fixtures of the tests that replay what they found."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run at once what would run in a thread, so that nothing but the test decides what comes when."""

    async def run(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", run)


@pytest.fixture
def tell(pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Write a line among the results: figures that a proof is asked for."""
    reporter: pytest.TerminalReporter | None = pytestconfig.pluginmanager.getplugin("terminalreporter")
    assert reporter is not None

    def write(line: str) -> None:
        with capsys.disabled():
            reporter.write_line(f" {line}")

    return write

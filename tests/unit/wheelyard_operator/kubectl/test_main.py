"""The exit codes of the plugin."""

import subprocess
import sys

import pytest

from wheelyard_operator.kubectl import __main__ as program


def code_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["kubectl-wheelyard", *arguments])
    with pytest.raises(SystemExit) as exited:
        program.main()
    return exited.value.code


def test_wrong_usage_exits_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(monkeypatch, "nonsense") == 2
    assert "nonsense" in capsys.readouterr().err


def test_an_interrupted_command_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "run", interrupted)
    assert code_of(monkeypatch, "status") == 130


def test_a_closed_pipe_exits_without_a_traceback() -> None:
    broken = """
from wheelyard_operator.kubectl import __main__ as program

def broken(*arguments):
    raise BrokenPipeError

program.run = broken
program.main()
"""
    done = subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")

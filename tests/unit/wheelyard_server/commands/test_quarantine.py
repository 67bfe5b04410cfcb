import argparse
from typing import Any

import pytest

from wheelyard_server.commands import quarantine as module
from wheelyard_server.commands.client import Client, ClientError


class Noted(Client):
    """Notes its calls."""

    def call(self, method: str, path: str, body: object = None, **_: Any) -> Any:
        return {"entries": [method, path, body]}


def run(*arguments: str) -> Any:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    module.add_to(commands)
    return module.quarantine(Noted("https://pypi.example.com", None), parser.parse_args(["quarantine", *arguments]))


REASON = ("--reason", "alert 7")
BODY = {"reason": "alert 7"}


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (("demo", *REASON), ["PUT", "/quarantine/projects/demo", BODY]),
        (("demo==1.0+a", *REASON), ["PUT", "/quarantine/projects/demo/versions/1.0%2Ba", BODY]),
        (("--sha256", "sha256:abc", *REASON), ["PUT", "/quarantine/files/abc", BODY]),
        (("demo==1.0", "--lift"), ["DELETE", "/quarantine/projects/demo/versions/1.0", None]),
        (("--sha256", "abc", "--lift"), ["DELETE", "/quarantine/files/abc", None]),
        (("--list",), ["GET", "/quarantine", None]),
    ],
)
def test_the_operation_is_called(arguments: tuple[str, ...], call: list[Any]) -> None:
    assert run(*arguments)["entries"] == call


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("demo",), "--reason"),
        (REASON, "PROJECT"),
        (("demo", "--sha256", "abc", *REASON), "PROJECT"),
        (("--lift",), "PROJECT"),
    ],
)
def test_what_is_missing_is_said(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(ClientError, match=says):
        run(*arguments)


def test_the_entries_are_a_table() -> None:
    assert module.shown({"entries": []}) == "Nothing is quarantined."
    entry = {
        "project": "demo",
        "version": None,
        "sha256": None,
        "by": "ann",
        "at": "2026-11-30T02:00:00Z",
        "reason": "alert 7",
    }
    head, row = module.shown({"entries": [entry]}).splitlines()
    assert head.split() == ["PROJECT", "VERSION", "SHA256", "BY", "AT", "REASON"]
    assert row.split() == ["demo", "-", "-", "ann", "2026-11-30T02:00:00Z", "alert", "7"]

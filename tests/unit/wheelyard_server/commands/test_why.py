"""Pages of a long answer; `web/handlers/test_decisions.py` has the text for people."""

import argparse
from typing import Any

from wheelyard_server.commands import why as module
from wheelyard_server.commands.client import Client


class Paged(Client):
    """Answers with two pages."""

    def call(self, method: str, path: str, body: object = None, **_: Any) -> Any:
        assert (method, body) == ("GET", None)
        assert path.startswith("/projects/my-app/decisions?version=1.0")
        is_last = path.endswith("&after=a")
        return {"name": "my-app", "files": ["b" if is_last else "a"], "next": None if is_last else "a"}


def test_all_pages_are_asked_for() -> None:
    arguments = argparse.Namespace(what="my-app==1.0")
    answer = module.why(Paged("https://pypi.example.com", None), arguments)
    assert answer == {"name": "my-app", "files": ["a", "b"], "next": None}


def test_a_file_that_is_gone_is_explained() -> None:
    verdict = {"listed": False, "served": True, "rule": "gone", "reason": "pypi no longer has it", "until": None}
    file = {"filename": "a.whl", "verdict": verdict, "objections": []}
    answer = {
        "name": "demo",
        "upstream": "pypi",
        "onName": {"served": True},
        "files": [file, {**file, "verdict": {**verdict, "listed": True}}],
        "notes": ["There are no advisories yet"],
    }
    assert module.shown(answer).splitlines() == [
        "demo, mirrored from pypi",
        "a.whl: not on the page (gone), but its URL works",
        "  pypi no longer has it",
        "1 other file is offered, and no rule objects to it.",
        "There are no advisories yet",
    ]

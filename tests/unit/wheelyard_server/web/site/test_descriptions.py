import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest

from support import readme_child
from support.http import Client
from support.patience import HANG_SECONDS
from support.readmes import until_rendered
from support.routes import publish_demo
from wheelyard_server.readmes import child_process
from wheelyard_server.readmes.readmes import MAX_WAITING, Readmes, Times
from wheelyard_server.web.site.descriptions import READMES


async def test_pages_of_installers_are_answered_while_hostile_readmes_are_rendered(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight of ten texts burn all that they may, and pages are answered all the time."""
    await publish_demo(client, tmp_path)
    monkeypatch.setattr(child_process, "ANSWER_SECONDS", HANG_SECONDS)
    counts: Counter[str] = Counter()
    command = (sys.executable, "-I", str(Path(readme_child.__file__)), "brief")
    readmes = Readmes(
        None, lambda outcome: counts.update([outcome]), command=command, times=Times(wait_seconds=HANG_SECONDS)
    )
    hostile = [asyncio.create_task(readmes.html(f"spin\n{each}", "text/markdown", str(each))) for each in range(10)]
    answered = 0
    while not all(each.done() for each in hostile):
        assert (await client.get("/simple/demo/")).status == 200
        answered += 1
    assert answered > len(hostile)
    assert counts == {"slow": MAX_WAITING, "busy": 2}
    await readmes.close()


async def test_the_application_has_readmes_and_no_child_until_it_needs_one(client: Client) -> None:
    assert client.app is not None
    readmes = client.app[READMES]
    assert readmes.child is None
    await until_rendered(readmes, "# a", "text/markdown")
    assert readmes.child is not None

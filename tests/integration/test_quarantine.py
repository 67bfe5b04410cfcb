"""At night, on three servers of one bucket: from the alert to refused, to lifted; and U11."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from support import distributions
from support.access import OWNER, PUBLISHER
from support.fetching import fetch
from support.patience import HANG_SECONDS, wait_until
from support.server import Server, start
from support.upstreams.mirroring import EVERYTHING
from wheelyard_server.storage import layout

JSON = "application/vnd.pypi.simple.v1+json"
REPLICAS = 3


@pytest.fixture
def replicas(tmp_path: Path, storages: dict[str, object]) -> Iterator[list[Server]]:
    running = [start(tmp_path / str(number), storages["s3"], access=EVERYTHING) for number in range(REPLICAS)]
    wheel = distributions.wheel(tmp_path, "demo", "1.0")
    wheelyard(running[0], "twine", "upload", str(wheel), token=PUBLISHER)
    yield running
    for each in running:
        each.stop()


def wheelyard(server: Server, *arguments: str, token: str = OWNER) -> subprocess.CompletedProcess[str]:
    """Run a command against one of the servers, as `python -m PROGRAM ARGUMENT...`."""
    variables = {
        "PIP_INDEX_URL": f"{server.url_of(token)}/simple/",
        "TWINE_REPOSITORY_URL": f"{server.url}/legacy/",
        "TWINE_USERNAME": "__token__",
        "TWINE_PASSWORD": token,
        "TWINE_NON_INTERACTIVE": "1",
    }
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done


def path_of_file(server: Server) -> str:
    page = fetch(f"{server.url}/simple/demo/", Accept=JSON).json()
    return str(page["files"][0]["url"]).removeprefix("../..")


def statuses(replicas: list[Server], path: str) -> list[int]:
    return [fetch(f"{each.url}{path}").status for each in replicas]


def state(server: Server) -> Any:
    return fetch(f"{server.metrics_url}/policy").json()["quarantine"]


def test_a_compromised_release_is_refused_on_all_servers_when_the_command_returns_until_it_is_lifted(
    replicas: list[Server],
) -> None:
    """The drill: `--list` says who did it and why, and every server says so to its clients."""
    path = path_of_file(replicas[0])
    assert statuses(replicas, path) == [200] * REPLICAS
    done = wheelyard(
        replicas[1], "wheelyard_server", "quarantine", "demo==1.0", "--reason", "alert 7: steals tokens", "--json"
    )
    (entry,) = json.loads(done.stdout)["entries"]
    assert (entry["by"], entry["reason"]) == ("team.owner", "alert 7: steals tokens")
    assert statuses(replicas, path) == [403] * REPLICAS
    assert statuses(replicas, f"{path}.metadata") == [403] * REPLICAS
    for each in replicas:
        assert fetch(f"{each.url}/simple/demo/", Accept=JSON).json()["files"] == []
        assert [each["project"] for each in state(each)["entries"]] == ["demo"]
    why = wheelyard(replicas[2], "wheelyard_server", "why", "demo==1.0").stdout
    assert "refused by quarantine" in why
    assert "alert 7: steals tokens" in why
    lifted = wheelyard(replicas[2], "wheelyard_server", "quarantine", "demo==1.0", "--lift").stdout
    assert lifted == "Nothing is quarantined.\n"
    assert statuses(replicas, path) == [200] * REPLICAS


def test_a_server_that_starts_or_cannot_read_the_object_never_permits_more(
    replicas: list[Server], tmp_path: Path, storages: dict[str, object], bucket: str
) -> None:
    """U11: the object is lost, then damaged; servers keep it, and a new one has read it before it answers."""
    path, s3 = path_of_file(replicas[0]), boto3.client("s3")
    wheelyard(replicas[0], "wheelyard_server", "quarantine", "demo", "--reason", "alert")
    fresh = start(tmp_path / "fresh", storages["s3"], access=EVERYTHING)
    assert statuses([fresh], path) == [403]
    key = f"team/{layout.QUARANTINE}"
    good = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    for body in (None, b"{"):
        if body is None:
            s3.delete_object(Bucket=bucket, Key=key)
        else:
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        wait_until(lambda: all(state(each)["error"] for each in (*replicas, fresh)))
        assert statuses([*replicas, fresh], path) == [403] * (REPLICAS + 1)
    s3.put_object(Bucket=bucket, Key=key, Body=good)
    wait_until(lambda: not any(state(each)["error"] for each in (*replicas, fresh)))
    assert fresh.stop() == 0

"""`wheelyard verify`, `gc` and `copy` on real storages, next to real servers."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cluster.versitygw import S3Server
from support import distributions
from support.access import OWNER, PUBLISHER
from support.buckets import VERSITYGW
from support.command_line import wheelyard
from support.http import auth, form
from support.patience import HANG_SECONDS
from support.server import StartServer

UPLOADS = 20


@pytest.fixture
def bucket_url(s3_server: S3Server, bucket: str) -> str:
    """Return an empty bucket as the command line takes it."""
    return f"s3://{bucket}/team?endpoint={s3_server.endpoint}"


async def publish(url: str, *paths: Path) -> None:
    async with aiohttp.ClientSession() as session:
        for path in paths:
            answer = await session.post(f"{url}/legacy/", data=form(path), headers=auth(PUBLISHER))
            assert answer.status == 200, await answer.text()


def events(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
    done = wheelyard(*arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_an_index_goes_from_a_folder_to_s3_and_back_and_is_installed_from(
    start_server: StartServer, tmp_path: Path, bucket_url: str
) -> None:
    server = start_server("folder")
    await publish(server.url, *(distributions.wheel(tmp_path, version=f"1.{number}") for number in range(3)))
    folder, back = f"file:{tmp_path / 'data'}", f"file:{tmp_path / 'back'}"
    copied = {"copied": 1, "fetchDays": 1}
    assert events("copy", folder, bucket_url)[-1] == {"event": "summary", "projects": 1, "findings": 0, **copied}
    assert events("copy", folder, bucket_url)[-1] == {"event": "summary", "projects": 1, "findings": 0}
    assert events("verify", "--storage", bucket_url)[-1] == {"event": "summary", "projects": 1, "findings": 0}
    events("copy", bucket_url, back)
    config = tmp_path / "server-0" / "index.yaml"
    config.write_text(config.read_text().replace(str(tmp_path / "data"), str(tmp_path / "back")))
    assert events("verify", "--config", str(config))[-1] == {"event": "summary", "projects": 1, "findings": 0}
    restored = start_server("folder")
    install = ("-m", "pip", "install", "--target", str(tmp_path / "target"), "--no-cache-dir", "demo")
    subprocess.run(
        [sys.executable, *install, "--index-url", f"{restored.url}/simple/"], check=True, timeout=HANG_SECONDS
    )
    assert (tmp_path / "target" / "demo-1.2.dist-info").is_dir()


async def test_the_owner_of_a_copy_says_which_index_may_have_it(
    start_server: StartServer, tmp_path: Path, bucket_url: str
) -> None:
    await publish(start_server("folder").url, distributions.wheel(tmp_path))
    folder = f"file:{tmp_path / 'data'}"
    events("copy", folder, bucket_url, "--for", "packages/main")
    (assigned, _) = events("assign", bucket_url, "--to", "packages/main")
    assert assigned == {"event": "assigned", "to": "packages/main", "before": "packages/main"}
    refused = wheelyard("assign", bucket_url, "--to", "team/main")
    assert refused.returncode == 2
    assert "--from packages/main" in refused.stderr
    assert wheelyard("copy", folder, bucket_url, "--for", "team/main").returncode == 2
    (assigned, _) = events("assign", bucket_url, "--to", "team/main", "--from", "packages/main")
    assert assigned["before"] == "packages/main"
    events("copy", folder, bucket_url, "--for", "team/main")
    for wrong in ("main", "packages/", "Packages/main", "packages/main/x", "packages/" + "a" * 41):
        done = wheelyard("assign", bucket_url, "--to", wrong)
        assert done.returncode == 2
        assert "NAMESPACE/NAME" in done.stderr


async def test_verify_finds_a_flipped_byte_and_gc_collects_what_was_deleted(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server("folder")
    await publish(server.url, distributions.wheel(tmp_path), distributions.wheel(tmp_path, version="2.0"))
    storage = ("--storage", f"file:{tmp_path / 'data'}")
    (stored,) = (tmp_path / "data" / "files").glob("demo/*/demo-1.0-py3-none-any.whl")
    body = stored.read_bytes()
    stored.write_bytes(bytes([body[0] ^ 1]) + body[1:])
    key = str(stored.relative_to(tmp_path / "data"))
    finding, _ = events("verify", *storage, code=1)
    assert (finding["event"], finding["key"]) == ("finding", key)
    text = wheelyard("verify", *storage)
    assert text.stdout.splitlines()[0].startswith(f"finding: {key}: has the SHA-256 ")
    assert text.stdout.splitlines()[1] == "1 projects, 1 findings"

    login = {"TWINE_REPOSITORY_URL": f"{server.url}/legacy/", "TWINE_PASSWORD": OWNER}
    assert wheelyard("delete", "demo", "1.0", "--yes", variables=login).returncode == 0
    assert events("gc", *storage)[-1] == {"event": "summary", "projects": 1, "findings": 0}
    assert events("gc", *storage, "--grace", "0", "--dry-run")[-1]["removed"] == 1
    assert stored.exists()
    removed, _ = events("gc", *storage, "--grace", "0")
    assert removed["keys"] == [key, f"{key}.metadata"]
    assert not stored.parent.exists()
    assert events("verify", *storage)[-1] == {"event": "summary", "projects": 1, "findings": 0}


@pytest.mark.parametrize("kind", ["folder", "s3"])
async def test_a_collection_without_any_grace_takes_nothing_that_was_acknowledged(
    start_server: StartServer, tmp_path: Path, kind: str
) -> None:
    """A fenced upload is answered with 503, which a client tries again; what is answered with 200 stays."""
    server = start_server(kind)
    config = str(server.access_file.with_name("index.yaml"))
    acknowledged: list[str] = []

    async def upload(session: aiohttp.ClientSession, path: Path) -> None:
        for _ in range(50):
            answer = await session.post(f"{server.url}/legacy/", data=form(path), headers=auth(PUBLISHER))
            if answer.status == 200:
                acknowledged.append(path.name)
                return
            assert answer.status == 503, await answer.text()

    paths = [distributions.wheel(tmp_path, version=f"1.{number}") for number in range(UPLOADS)]
    async with aiohttp.ClientSession() as session:
        uploads = asyncio.gather(*(upload(session, path) for path in paths))
        while not uploads.done():
            await asyncio.to_thread(events, "gc", "--config", config, "--grace", "0")
        await uploads
        await asyncio.to_thread(events, "gc", "--config", config, "--grace", "0")
        page = await session.get(
            f"{server.url}/simple/demo/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
        )
        listed = [file["filename"] for file in (await page.json(content_type=None))["files"]]
    assert sorted(listed) == sorted(acknowledged) == sorted(path.name for path in paths)
    assert events("verify", "--config", config)[-1] == {"event": "summary", "projects": 1, "findings": 0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "--storage", "ftp://x"], "The storage must be file:DIR or s3://BUCKET/PREFIX"),
        (["verify", "--storage", "s3://bucket?profile=x"], "The storage must be file:DIR or s3://BUCKET/PREFIX"),
        (["verify", "--storage", "file:/nonexistent/folder"], "The folder /nonexistent/folder does not exist"),
        (["verify", "--storage", "file:/tmp/nonexistent"], "The folder /tmp/nonexistent does not exist"),
        (["copy", "file:/tmp", "file:/nonexistent/folder"], "The folder /nonexistent does not exist"),
        (["verify", "--config", "/nonexistent.yaml"], "No such file"),
        (["verify", "--storage", "s3://bucket/?endpoint=http://127.0.0.1:9"], "wheelyard.json"),
        (["gc"], "one of the arguments --config --storage is required"),
    ],
)
def test_a_failed_check_is_reported_and_exits_with_2(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    done = wheelyard(*arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_folder_and_a_real_s3_server_are_proved_to_be_safe(tmp_path: Path, bucket_url: str) -> None:
    for storage in (f"file:{tmp_path / 'data'}", bucket_url):
        proved, summary = events("probe", "--storage", storage)
        assert proved["event"] == "proved"
        assert (proved["product"] == VERSITYGW) is (storage == bucket_url)
        assert summary["findings"] == 0
    text = wheelyard("probe", "--storage", bucket_url)
    assert re.match(r"proved: the conditional writes of http://127\.0\.0\.1:\d+ are atomic ", text.stdout)

"""Yank, status and delete by forms: done by those with the right, from the page's own form, and by nothing else."""

import json
import logging
import re
from itertools import product
from pathlib import Path

import pytest
from aiohttp import ClientResponse
from yarl import URL

from support import distributions
from support.access import NOBODY, OWNER, PUBLISHER, READER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.sessions import FROM_HERE, session_of

PAGE = "/project/demo/manage/"
POSTS = ("yank/", "unyank/", "status/", "delete/")
FIELDS = {"version": "1.0", "reason": "broken", "status": "deprecated", "typed": "1.0"}


@pytest.fixture
async def _demo(client: Client, tmp_path: Path) -> None:
    for version in ("1.0", "1.1", "2.0a1"):
        path = distributions.wheel(tmp_path, version=version)
        answer = await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
        assert answer.status == 200, await answer.text()


pytestmark = pytest.mark.usefixtures("_demo")


def document(storage: MemoryStorage) -> dict[str, object]:
    found: dict[str, object] = json.loads(storage.objects["projects/demo.json"])
    return found


async def token(client: Client, session: dict[str, str]) -> str:
    page = await client.get(PAGE, headers=session)
    text = await page.text()
    assert page.status == 200, text
    (main,) = set(re.findall('name="form-token" value="([0-9a-f]+)"', text.partition("<main")[2]))
    return str(main)


async def send(client: Client, session: dict[str, str], place: str, **fields: object) -> ClientResponse:
    given = {"form-token": await token(client, session), **fields}
    pairs = [
        (name, each) for name, value in given.items() for each in (value if isinstance(value, list) else [value])
    ]
    return await client.post(f"{PAGE}{place}", data=pairs, headers=FROM_HERE | session, allow_redirects=False)


async def test_a_yank_and_its_undoing(client: Client, storage: MemoryStorage) -> None:
    session = await session_of(client, OWNER)
    answer = await send(client, session, "yank/", version=["1.0", "1.1"], reason="<b>broken</b>")
    assert (answer.status, answer.headers["Location"]) == (303, "../../../../project/demo/manage/?done=yanked")
    assert [each.get("yanked") for each in document(storage)["files"]] == ["<b>broken</b>"] * 2 + [None]  # type: ignore[attr-defined]
    page = await (await client.get(f"{PAGE}?done=yanked", headers=session)).text()
    assert "pinned exactly" in page
    assert "&lt;b&gt;broken" in page
    assert "<b>broken" not in page
    answer = await send(client, session, "unyank/", version="1.0")
    assert answer.status == 303
    assert document(storage)["files"][0].get("yanked") is None  # type: ignore[index]


async def test_a_status_with_its_reason(client: Client, storage: MemoryStorage) -> None:
    session = await session_of(client, OWNER)
    assert (await send(client, session, "status/", status="deprecated", reason="use other")).status == 303
    assert (document(storage)["status"], document(storage)["status-reason"]) == ("deprecated", "use other")
    assert 'value="use other"' in await (await client.get(PAGE, headers=session)).text()
    assert (await send(client, session, "status/", status="odd")).status == 400
    assert (await send(client, session, "status/", status="active", reason="a\nb")).status == 400


@pytest.mark.parametrize(
    ("versions", "typed"),
    [(["1.0"], "1.0"), (["1.0", "1.1"], "demo"), (["1.0.0"], "1.0.0"), (["2.0a1"], " 2.0a1 ")],
)
async def test_versions_are_deleted_once_they_are_typed(
    client: Client, storage: MemoryStorage, versions: list[str], typed: str
) -> None:
    session = await session_of(client, OWNER)
    asked = await send(client, session, "delete/", version=versions)
    text = await asked.text()
    assert asked.status == 200
    for words in ("cannot be undone", "never come back with other bytes", "yank it", "Fetched in the last 30 days"):
        assert words in text
    wrong = await send(client, session, "delete/", version=versions, typed="1")
    assert (wrong.status, len(document(storage)["files"])) == (400, 3)  # type: ignore[arg-type]
    answer = await send(client, session, "delete/", version=versions, typed=typed)
    assert (answer.status, len(document(storage)["files"])) == (303, 3 - len(versions))  # type: ignore[arg-type]


async def test_the_page_before_shows_who_fetched_them(client: Client) -> None:
    listed = await (await client.get("/pypi/demo/json")).json()
    (url,) = (URL(each["url"]).path for each in listed["releases"]["1.0"])
    await client.get(url, headers={"User-Agent": "pip/26.0"} | auth(READER))
    await client.get(url)
    session = await session_of(client, OWNER)
    text = await (await client.get(f"{PAGE}delete/?version=1.0", headers=session)).text()
    assert "2 times" in text
    assert "web.reader from 127.0.0.1" in text
    other = await (await client.get(f"{PAGE}delete/?version=1.1", headers=session)).text()
    assert "web.reader" not in other


async def test_if_one_of_several_versions_fails_the_page_says_what_became_of_each(
    client: Client, storage: MemoryStorage
) -> None:
    session = await session_of(client, OWNER)
    answer = await send(client, session, "yank/", version=["1.0", "9.9"])
    text = await answer.text()
    assert answer.status == 404
    assert "1.0: done" in text
    assert "9.9: No such file in this project" in text
    assert document(storage)["files"][0]["yanked"] == ""  # type: ignore[index]


@pytest.mark.parametrize("place", POSTS)
async def test_no_form_counts_without_its_two_proofs(client: Client, storage: MemoryStorage, place: str) -> None:
    """CSRF: every POST from elsewhere, with a cookie and with a Basic login, does nothing."""
    owner, other = await session_of(client, OWNER), await session_of(client, OWNER)
    right, wrong = await token(client, owner), await token(client, other)
    logout = re.findall('"form-token" value="([0-9a-f]+)"', await (await client.get("/", headers=owner)).text())[0]
    before = dict(storage.objects)
    places: tuple[dict[str, str], ...] = (
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
    )
    for source, session in product(places, (owner, auth(OWNER), owner | auth(OWNER))):
        answer = await client.post(
            PAGE + place, data={**FIELDS, "form-token": right}, headers=source | session, allow_redirects=False
        )
        assert answer.status == 403
    for proof, session in product(("", "x", wrong, logout), (owner, {}, auth(OWNER))):
        answer = await client.post(
            PAGE + place, data={**FIELDS, "form-token": proof}, headers=FROM_HERE | session, allow_redirects=False
        )
        assert answer.status == 403
    assert {key: value for key, value in storage.objects.items() if key.startswith("projects/")} == {
        key: value for key, value in before.items() if key.startswith("projects/")
    }


@pytest.mark.parametrize(
    ("user", "status"), [(None, 303), (NOBODY, 403), (READER, 403), (PUBLISHER, 403), (OWNER, 200)]
)
async def test_only_a_user_with_a_right_sees_the_page(client: Client, user: str | None, status: int) -> None:
    session = await session_of(client, user) if user else {}
    for place in ("", "delete/?version=1.0"):
        answer = await client.get(PAGE + place, headers=session, allow_redirects=False)
        assert answer.status == status
        assert "WWW-Authenticate" not in answer.headers


async def test_a_hidden_project_looks_like_a_missing_one(client: Client, tmp_path: Path) -> None:
    upload = form(distributions.wheel(tmp_path, "secret_x"))
    assert (await client.post("/legacy/", data=upload, headers=auth(PUBLISHER))).status == 200
    session = await session_of(client, OWNER)
    texts = []
    for name in ("secret-x", "missing-x"):
        answer = await client.get(f"/project/{name}/manage/", headers=session)
        texts.append((await answer.text()).replace(name, "x").replace(answer.headers["X-Request-ID"], ""))
        assert answer.status == 404
    assert texts[0] == texts[1]


@pytest.mark.parametrize("versions", [[], ["1.0"] * 51, ["not a version"]])
async def test_a_selection_has_a_bound(client: Client, versions: list[str]) -> None:
    session = await session_of(client, OWNER)
    answer = await send(client, session, "yank/", version=versions)
    assert answer.status in (400, 404)


async def test_the_audit_log_has_what_was_done_and_not_what_was_asked(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    session = await session_of(client, OWNER)
    caplog.set_level(logging.INFO, "audit")
    caplog.clear()
    await send(client, session, "delete/", version="1.0")
    await send(client, session, "delete/", version="1.0", typed="1")
    await send(client, session, "delete/", version="1.0", typed="1.0")
    fields = [vars(record)["fields"] for record in caplog.records if record.name == "audit"]
    assert [(each["verb"], each["outcome"], each.get("files")) for each in fields] == [
        ("delete", "failed", None),
        ("delete", "done", ("demo-1.0-py3-none-any.whl",)),
    ]
    assert {(each["user"], each["method"], each["project"]) for each in fields} == {
        ("team.owner", "session", "demo")
    }

import hashlib
from pathlib import Path
from urllib.parse import urljoin

import pytest

from support import distributions
from support.access import PUBLISHER
from support.http import Client, auth, form

EXTRA = (
    "Summary: Shows things\nKeywords: a,b\nLicense-Expression: MIT\nClassifier: Typing :: Typed\n"
    "Requires-Dist: idna\nRequires-Python: >=3.9\nProject-URL: Docs, https://example.com/\n"
    "Description-Content-Type: text/markdown\n\n# Demo\n"
)


@pytest.fixture
async def paths(client: Client, tmp_path: Path) -> list[Path]:
    made = [
        distributions.sdist(tmp_path, version="1.0"),
        distributions.wheel(tmp_path, version="1.0", extra=EXTRA),
        distributions.wheel(tmp_path, version="2.0rc1"),
    ]
    for path in made:
        await client.post("/legacy/", data=form(path), headers=auth(PUBLISHER))
    return made


async def test_a_project_is_described_by_its_latest_version(client: Client, paths: list[Path]) -> None:
    answer = await client.get("/pypi/Demo/json")
    assert answer.content_type == "application/json"
    project = await answer.json()
    assert set(project) == {"info", "last_serial", "releases", "urls", "vulnerabilities"}
    info = project["info"]
    assert (info["name"], info["version"], info["summary"]) == ("demo", "1.0", "Shows things")
    assert (info["keywords"], info["license_expression"], info["requires_dist"]) == ("a,b", "MIT", ["idna"])
    assert (info["project_urls"], info["requires_python"]) == ({"Docs": "https://example.com/"}, ">=3.9")
    assert info["description"].strip() == "# Demo"
    assert {version: len(files) for version, files in project["releases"].items()} == {"1.0": 2, "2.0rc1": 1}
    assert [url["filename"] for url in project["urls"]] == [path.name for path in paths[:2]]


async def test_a_file_description_is_enough_to_fetch_it(client: Client, paths: list[Path]) -> None:
    sdist, wheel = (await (await client.get("/pypi/demo/1.0/json")).json())["urls"]
    assert (sdist["packagetype"], sdist["python_version"]) == ("sdist", "source")
    assert (wheel["packagetype"], wheel["python_version"]) == ("bdist_wheel", "py3")
    assert (wheel["yanked"], wheel["yanked_reason"]) == (False, None)
    assert len(wheel["upload_time"]) == len("2026-01-01T00:00:00")
    path = wheel["url"].removeprefix(str(client.make_url("")).rstrip("/"))
    body = await (await client.get(path)).read()
    assert hashlib.sha256(body).hexdigest() == wheel["digests"]["sha256"]
    assert len(body) == wheel["size"]
    assert paths[1].read_bytes() == body


@pytest.mark.parametrize("path", ["/pypi/{}/json", "/pypi/{}/1.0/json", "/{}/json"])
async def test_other_spellings_of_a_project_are_redirected(client: Client, paths: list[Path], path: str) -> None:
    assert paths
    answer = await client.get(path.format("Demo"), allow_redirects=False)
    location = urljoin(path.format("Demo"), answer.headers["Location"])
    assert (answer.status, location) == (301, path.format("demo"))


async def test_a_version_has_many_spellings(client: Client, paths: list[Path]) -> None:
    assert paths
    for spelling in ("2.0rc1", "2.0-RC.1", "v2c1"):
        described = await (await client.get(f"/pypi/demo/{spelling}/json")).json()
        assert described["info"]["version"] == "2.0rc1"
        assert "releases" not in described


@pytest.mark.parametrize(
    "path",
    [
        "/pypi/open-none/json",
        "/pypi/demo/3.0/json",
        "/pypi/demo/x/json",
        "/pypi/-/json",
        f"/pypi/demo/{'9' * 5000}/json",
        f"/pypi/{'a' * 201}/json",
    ],
)
async def test_missing_projects_and_versions_are_not_found(client: Client, paths: list[Path], path: str) -> None:
    assert paths
    for headers in ({}, {"If-None-Match": "*"}):
        assert (await client.get(path, headers=headers)).status == 404


async def test_a_project_that_anonymous_may_not_read_needs_a_login(client: Client, tmp_path: Path) -> None:
    await client.post("/legacy/", data=form(distributions.wheel(tmp_path, "secret_a")), headers=auth(PUBLISHER))
    assert (await client.get("/pypi/secret-a/json")).status == 401
    assert (await client.get("/pypi/secret-a/json", headers=auth(PUBLISHER))).status == 200


async def test_a_matching_etag_gets_304(client: Client, paths: list[Path]) -> None:
    assert paths
    etag = (await client.get("/pypi/demo/json")).headers["ETag"]
    assert (await client.get("/pypi/demo/json", headers={"If-None-Match": etag})).status == 304
    assert (await client.get("/pypi/demo/json", headers={"If-None-Match": "*"})).status == 304


@pytest.mark.parametrize("path", ["/pypi/demo/json", "/pypi/demo/1.0/json"])
async def test_a_description_that_looks_like_nested_mail_is_text(client: Client, tmp_path: Path, path: str) -> None:
    body = "Content-Type: message/rfc822\n\n" * 600
    wheel = distributions.wheel(tmp_path, extra=f"Content-Type: message/rfc822\n\n{body}")
    assert (await client.post("/legacy/", data=form(wheel), headers=auth(PUBLISHER))).status == 200
    answer = await client.get(path)
    assert answer.status == 200
    assert (await answer.json())["info"]["description"].strip() == body.strip()

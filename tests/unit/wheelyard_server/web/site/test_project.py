"""The page of a project and of one version: it shows exactly what an installer would get, and why not the rest."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import distributions
from support.access import OWNER, PUBLISHER
from support.attestations import attested
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked
from support.sessions import session_of
from wheelyard_server.app import CATALOG, UPSTREAMS
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.names import parse_project_name
from wheelyard_server.readmes.frames import Outcome
from wheelyard_server.readmes.readmes import _NOTES, Readme
from wheelyard_server.settings import Settings
from wheelyard_server.settings.policy import parse_policy
from wheelyard_server.web.site.descriptions import READMES
from wheelyard_server.web.site.project import RELEASES

HEADERS = """Summary: A <b>framework</b>
Requires-Python: >=3.10
License-Expression: MIT
Author: Ada <script>
Project-URL: Docs, https://docs.example.com/
Project-URL: Bad, javascript:alert(1)
Project-URL: <i>Mail</i>, mailto:ada@example.com
Classifier: Framework :: Demo
Requires-Dist: open-base >=1
Requires-Dist: secret-x
Requires-Dist: absent; python_version < "3.12"
Requires-Dist: open-extra; extra == "web"
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, upstreams=(never_asked("open-*"),), index="team/pypi")


async def publish(client: Client, folder: Path, name: str = "demo", version: str = "1.0", extra: str = "") -> None:
    path = distributions.wheel(folder, name, version, extra=extra)
    answer = await client.post("/legacy/", data=form(path, attestations=attested(path)), headers=auth(PUBLISHER))
    assert answer.status == 200, await answer.text()


async def page(client: Client, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    text = await answer.text()
    assert answer.status == status, text
    return text


async def change(client: Client, path: str, body: dict[str, Any]) -> None:
    answer = await client.put(f"/api/v1/projects/{path}", json=body, headers=auth(OWNER))
    assert answer.status == 200, await answer.text()


def put(client: Client, text: str) -> None:
    assert client.app is not None
    client.app[CATALOG].basis.put_file(parse_policy(f"policy: {text}".encode()))


def notices(text: str) -> list[str]:
    found = re.findall(r'<p class="notice[^>]*>(.*?)</p>', text)
    return [re.sub(r"</?(strong|bdi)>", "", each) for each in found]


def commands(text: str) -> list[str]:
    return re.findall(r'<code tabindex="0">(.*?)</code>', text)


async def test_a_page_shows_what_a_release_says_of_itself(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path, extra=f"{HEADERS}\nA **README**.")
    text = await page(client, "/project/demo/")
    assert "<h1>demo 1.0</h1>" in text
    assert "A &lt;b&gt;framework&lt;/b&gt;" in text
    for fact in ("&gt;=3.10", "MIT", "Ada &lt;script&gt;", "Framework :: Demo", "README", "ci.publisher"):
        assert fact in text
    assert "built by GitHub Actions from the repository acme/app by the workflow release.yml" in text
    assert "<h3>For the extra <bdi>web</bdi></h3>" in text


async def test_only_links_that_do_nothing_but_lead_elsewhere_are_links(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path, extra=HEADERS)
    text = await page(client, "/project/demo/")
    outside = re.findall(r'href="([a-z]+:[^"]*)"', text)
    assert outside == ["https://docs.example.com/", "mailto:ada@example.com"]
    assert "&lt;i&gt;Mail&lt;/i&gt;" in text


async def test_dependencies_are_links_if_they_are_here_and_the_visitor_may_read_them(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    await mirror(storage, "open-base", distributions.wheel(tmp_path, "open_base"))
    await publish(client, tmp_path, "secret_x")
    await publish(client, tmp_path, extra=HEADERS)
    text = await page(client, "/project/demo/")
    assert '<a href="../../project/open-base/">open-base</a>' in text
    assert "<li>secret-x</li>" in text
    assert "<li>absent; python_version &lt; &#34;3.12&#34;</li>" in text
    assert "<li>open-extra</li>" in text


async def test_each_installer_has_its_commands_with_the_url_of_this_index(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path)
    await publish(client, tmp_path, version="2.0")
    root = f"http://127.0.0.1:{client.port}/simple/"
    assert commands(await page(client, "/project/demo/")) == [
        f"uv add --index team-pypi={root} demo",
        f"pip install --index-url {root} demo",
        f"poetry source add team-pypi {root}",
        "poetry add demo",
        f"pdm config --local pypi.url {root}",
        "pdm add demo",
    ]
    assert f"pip install --index-url {root} demo==1.0" in commands(await page(client, "/project/demo/1.0/"))
    assert f"pip install --index-url {root} demo" in commands(await page(client, "/project/demo/2.0/"))


async def test_another_host_has_its_own_commands_and_the_rest_of_the_page_is_the_same(
    client: Client, tmp_path: Path
) -> None:
    await publish(client, tmp_path)
    first = await page(client, "/project/demo/")
    other = await (await client.get("/project/demo/", headers={"Host": "pypi.example.com"})).text()
    assert "http://pypi.example.com/simple/" in other
    assert other == first.replace(f"127.0.0.1:{client.port}", "pypi.example.com")


async def test_the_version_is_the_one_that_installers_choose(client: Client, tmp_path: Path) -> None:
    for version in ("1.0", "1.1", "2.0rc1"):
        await publish(client, tmp_path, version=version)
    await change(client, "demo/versions/1.1/yank", {"reason": "broken"})
    assert "<h1>demo 1.0</h1>" in await page(client, "/project/demo/")
    text = await page(client, "/project/demo/1.1/")
    assert notices(text) == ["yanked: broken"]
    assert 'The latest version is <a href="../../../project/demo/">1.0</a>' in text


async def test_a_project_with_pre_releases_alone_is_shown_by_the_last_one(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path, version="2.0rc1")
    assert "<h1>demo 2.0rc1</h1>" in await page(client, "/project/demo/")


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("/project/De_mo/", "/project/demo/"),
        ("/project/De.mo/1.0/", "/project/demo/1.0/"),
        ("/project/demo/1.0.0/", "/project/demo/1.0/"),
        ("/project/demo/v1/", "/project/demo/1.0/"),
        ("/project/demo", "/project/demo/"),
        ("/project/demo/1.0", "/project/demo/1.0/"),
    ],
)
async def test_other_spellings_lead_to_the_page(client: Client, tmp_path: Path, given: str, canonical: str) -> None:
    await publish(client, tmp_path)
    name = given.split("/")[2]
    if name != "demo":
        canonical = canonical.replace("demo", name.lower().replace("_", "-").replace(".", "-"))
    answer = await client.get(given, allow_redirects=False)
    assert answer.status == 301
    assert str(answer.url.join(type(answer.url)(answer.headers["Location"])).path) == canonical


async def test_a_missing_version_is_answered_with_those_that_are_there(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path)
    text = await page(client, "/project/demo/7!3.0+local/", 404)
    assert "demo 7!3.0+local is not here" in text
    assert 'href="../../../project/demo/1.0/"' in text
    assert "not a valid version" in await page(client, "/project/demo/nothing/", 404)


async def test_the_status_is_said_first(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path)
    await change(client, "demo/status", {"status": "deprecated", "reason": "use <b>open-new</b>"})
    text = await page(client, "/project/demo/")
    assert notices(text) == ["deprecated: use &lt;b&gt;open-new&lt;/b&gt;"]
    assert text.index('class="notice') < text.index('class="tabs"')


async def test_a_quarantined_project_has_no_version_and_no_command(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path, extra=f"{HEADERS}\nThe README.")
    await page(client, "/project/demo/")
    await change(client, "demo/status", {"status": "quarantined", "reason": "stolen"})
    text = await page(client, "/project/demo/")
    assert notices(text) == ["quarantined: stolen"]
    assert "No file of it is offered now" in text
    assert commands(text) == []
    for gone in ("README", "framework", "MIT"):
        assert gone not in text
    assert notices(await page(client, "/project/demo/1.0/")) == ["quarantined: stolen"]


async def test_a_refused_version_says_why_and_until_when_and_shows_nothing_of_it(
    client: Client, tmp_path: Path
) -> None:
    await publish(client, tmp_path)
    await publish(client, tmp_path, version="2.0", extra=f"{HEADERS}\nThe README.")
    assert "<h1>demo 2.0</h1>" in await page(client, "/project/demo/")
    put(client, "{deny: [{packages: [demo], versions: ==2.0, reason: bad}]}")
    first, second = notices(await page(client, "/project/demo/")), await page(client, "/project/demo/2.0/")
    assert len(first) == 1
    assert first[0].startswith("2.0 refused: ")
    assert "bad" in first[0]
    assert [each.partition(":")[0] for each in notices(second)] == ["refused"]
    assert commands(second) == []
    assert "README" not in second
    put(client, "{deny: [{packages: [demo], versions: ==2.0, reason: worse}]}")
    assert "worse" in notices(await page(client, "/project/demo/"))[0]
    put(client, "{}")
    assert notices(await page(client, "/project/demo/")) == []


async def test_a_refused_name_has_a_page_that_says_so(
    client: Client, storage: MemoryStorage, tmp_path: Path
) -> None:
    await mirror(storage, "open-up", distributions.wheel(tmp_path, "open_up"))
    put(client, "{deny: [{packages: [open-*], reason: no}]}")
    text = await page(client, "/project/open-up/")
    assert [each.partition(":")[0] for each in notices(text)] == ["refused"]
    assert commands(text) == []


async def test_a_mirrored_project_says_first_where_it_comes_from_and_no_upstream_is_asked(
    client: Client, storage: MemoryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    assert client.app is not None
    upstream = client.app[UPSTREAMS]["pypi"]
    for method in ("page", "open", "read"):
        monkeypatch.setattr(upstream, method, lambda *each, **_: asked.append(each))
    await mirror(storage, "open-up", distributions.wheel(tmp_path, "open_up"))
    long_ago = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def confirmed_then(project: Any) -> Any:
        return project.replace(mirror=project.mirror.replace(fetched=long_ago))

    await Documents(storage).change(parse_project_name("open-up"), confirmed_then)
    text = await page(client, "/project/open-up/")
    main = text[text.index("<main") :]
    assert re.findall(r"<p[^>]*>(.*?)</p>", main)[0] == (
        "Mirrored from the upstream pypi, which last confirmed it on 2026-01-02 03:04 UTC."
    )
    assert "<h1>open-up 1.0</h1>" in text
    unknown = await page(client, "/project/open-other/", 404)
    assert "pip install" in unknown
    assert asked == []


async def test_a_hidden_project_and_a_missing_one_lead_to_the_login_alike(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path, "secret_x")
    answers = [await client.get(f"/project/{name}/", allow_redirects=False) for name in ("secret-x", "secret-y")]
    assert [each.status for each in answers] == [303, 303]
    assert "/login/" in answers[0].headers["Location"]


async def test_a_page_is_rendered_once_for_each_state_and_its_etag_is_confirmed(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(client, tmp_path, extra=HEADERS)
    first = await client.get("/project/demo/")
    rendered: list[object] = []
    monkeypatch.setattr("wheelyard_server.web.site.site.Site.rendered", lambda *each: rendered.append(each))
    again = await client.get("/project/demo/")
    assert (await again.read(), rendered) == (await first.read(), [])
    unchanged = await client.get("/project/demo/", headers={"If-None-Match": first.headers["ETag"]})
    assert unchanged.status == 304
    monkeypatch.undo()
    await change(client, "demo/versions/1.0/yank", {"reason": "broken"})
    changed = await client.get("/project/demo/", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status == 200


async def test_characters_that_turn_text_around_are_replaced(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path, extra="Summary: safe\u202egnp.exe\u2066 \x7f\nAuthor: \u202eevil\n")
    text = await page(client, "/project/demo/")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x7f]", text)
    assert "safe\ufffdgnp.exe\ufffd" in text


async def test_a_huge_release_is_shown_within_bounds(client: Client, tmp_path: Path) -> None:
    extra = "".join(f"Requires-Dist: open-{number}\n" for number in range(230))
    extra += "".join(f"Classifier: Demo :: {number}\n" for number in range(130))
    extra += "".join(f"Project-URL: {number}, https://example.com/{number}\n" for number in range(50))
    await publish(client, tmp_path, extra=extra)
    text = await page(client, "/project/demo/")
    assert "And 30 more." in text
    assert "and 30 more" in text
    assert text.count("https://example.com/") == 30
    assert text.count("<li>open-") == 200


async def test_versions_that_do_not_exist_are_not_remembered(client: Client, tmp_path: Path) -> None:
    await publish(client, tmp_path)
    for number in range(5):
        await page(client, f"/project/demo/9.{number}/", 404)
    assert client.app is not None
    assert sum(map(len, client.app[RELEASES]._known.values())) == 0


async def test_a_session_reads_what_its_user_may_and_gets_its_own_pages(client: Client, tmp_path: Path) -> None:
    """A page that is kept for one visitor is never sent to another."""
    for name in ("demo", "secret_x"):
        await publish(client, tmp_path, name, extra="Requires-Dist: secret-x\n")
    publisher, owner = await session_of(client, PUBLISHER), await session_of(client, OWNER)
    link = '<a href="../../project/secret-x/">secret-x</a>'
    shown: dict[str, str] = {}
    for session in ("", "publisher", "owner", "", "publisher"):
        headers = {"": {}, "publisher": publisher, "owner": owner}[session]
        text = await (await client.get("/project/demo/", headers=headers)).text()
        assert shown.setdefault(session, text) == text
    assert link in shown["publisher"]
    assert link not in shown[""] + shown["owner"]
    assert "ci.publisher</" in shown["publisher"]
    assert "Log out" not in shown[""]
    assert [each for each in shown if ">Manage</a>" in shown[each]] == ["owner"]
    secret = await (await client.get("/project/secret-x/", headers=publisher)).text()
    assert "This index wants a login" in secret
    assert "This index wants a login" not in shown["publisher"]


@pytest.mark.parametrize(
    "suffix", ["", "1.0/", "files/", "1.0/files/", "versions/", "history/", "policy/", "statistics/"]
)
async def test_a_hidden_project_and_a_missing_one_are_the_same_but_for_their_names(
    client: Client, tmp_path: Path, suffix: str
) -> None:
    await publish(client, tmp_path, "secret_x")
    session = await session_of(client, OWNER)
    texts = []
    for name in ("secret-x", "secret-y"):
        answer = await client.get(f"/project/{name}/{suffix}", headers=session)
        assert answer.status == 404
        texts.append((await answer.text()).replace(answer.headers["X-Request-Id"], "").replace(name, ""))
    assert texts[0] == texts[1]


async def test_a_readme_that_had_no_time_to_be_rendered_is_not_kept(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(client, tmp_path, extra="\nThe README.")
    assert client.app is not None
    answers = iter((Readme("<pre>text</pre>", _NOTES[Outcome.BUSY]), Readme("<p>HTML</p>")))

    async def html(*_: str) -> Readme:
        return next(answers)

    monkeypatch.setattr(client.app[READMES], "html", html)
    assert "<pre>text</pre>" in await page(client, "/project/demo/")
    for _ in range(2):
        assert "<p>HTML</p>" in await page(client, "/project/demo/")

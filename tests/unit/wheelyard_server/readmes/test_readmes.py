import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.patience import HANG_SECONDS, until
from wheelyard_server.readmes.frames import MAX_TEXT_BYTES, Outcome
from wheelyard_server.readmes.readmes import MAX_WAITING, Readme, Readmes, Times

PATIENT = Times(wait_seconds=HANG_SECONDS)
MARKDOWN = "text/markdown"


class Counted(Counter[str]):
    """Outcomes, as metrics count them."""

    def __call__(self, outcome: str) -> None:
        self[outcome] += 1


@pytest.fixture
def counts() -> Counted:
    return Counted()


@pytest.fixture
async def readmes(command: tuple[str, ...], counts: Counted) -> AsyncIterator[Readmes]:
    made = Readmes(None, counts, command=command, times=PATIENT)
    yield made
    await made.close()


async def test_a_readme_is_rendered_once(readmes: Readmes, counts: Counted) -> None:
    key = readmes.key("hello", MARKDOWN)
    assert readmes.cached(key) is None
    assert await readmes.html("hello", MARKDOWN, "a") == Readme("<p>hello</p>")
    assert await readmes.html("hello", MARKDOWN, "b") == Readme("<p>hello</p>") == readmes.cached(key)
    assert counts == {"rendered": 1}


async def test_no_child_is_started_before_it_is_needed(readmes: Readmes) -> None:
    for text, content_type in (("a <b>", "text/plain"), ("a", "text/html"), (" ", MARKDOWN)):
        readme = await readmes.html(text, content_type, "a")
        assert readme.note == ""
        assert readme.html.startswith('<pre class="text">')
    assert (await readmes.html("a <b>", "text/plain", "a")).html == '<pre class="text">a &lt;b&gt;</pre>'
    assert readmes.child is None


@pytest.mark.parametrize(
    ("text", "content_type", "outcome", "words"),
    [
        ("spin", MARKDOWN, Outcome.SLOW, "takes too long"),
        ("hoard", MARKDOWN, Outcome.FAILED, "cannot be rendered"),
        ("large", MARKDOWN, Outcome.LARGE, "too long to be rendered"),
        ("invalid", "text/x-rst", Outcome.INVALID, "not valid in its markup"),
        ("invalid", "", Outcome.INVALID, ""),
    ],
)
async def test_text_that_cannot_be_rendered_is_shown_as_text_and_not_tried_again(
    readmes: Readmes, counts: Counted, text: str, content_type: str, outcome: Outcome, words: str
) -> None:
    for _ in range(3):
        readme = await readmes.html(text, content_type, "a")
        assert readme.html == f'<pre class="text">{text}</pre>'
        assert words in readme.note
        assert bool(words) == bool(readme.note)
    assert counts == {outcome: 1}
    assert readmes.cached(readmes.key(text, content_type)) is None


async def test_text_beyond_the_bound_is_cut_and_given_to_no_child(readmes: Readmes, counts: Counted) -> None:
    readme = await readmes.html("<" * (MAX_TEXT_BYTES + 1), MARKDOWN, "a")
    assert readme.html.count("&lt;") == MAX_TEXT_BYTES
    assert readme.note.endswith("Its end is not shown.")
    assert "Its end is not shown." in (await readmes.html("a" * (MAX_TEXT_BYTES + 1), "text/plain", "a")).note
    assert counts == {"large": 1}
    assert readmes.child is None


async def test_text_that_is_no_unicode_is_rendered_all_the_same(readmes: Readmes) -> None:
    assert (await readmes.html("a\udcff", MARKDOWN, "a")).html == "<p>a?</p>"


async def test_all_that_ask_for_one_text_share_its_rendering(readmes: Readmes, counts: Counted) -> None:
    asked = [readmes.html("hello", MARKDOWN, str(number)) for number in range(20)]
    assert set(await asyncio.gather(*asked)) == {Readme("<p>hello</p>")}
    assert counts == {"rendered": 1}


async def test_readers_wait_no_longer_than_they_have_to_and_get_it_the_next_time(
    command: tuple[str, ...], counts: Counted
) -> None:
    readmes = Readmes(None, counts, command=command, times=Times(wait_seconds=0))
    first = await readmes.html("hello", MARKDOWN, "a")
    assert "Reload the page" in first.note
    await until(lambda: readmes.cached(readmes.key("hello", MARKDOWN)))
    assert await readmes.html("hello", MARKDOWN, "a") == Readme("<p>hello</p>")
    await readmes.close()


async def test_what_finds_no_place_is_text_for_now_and_is_not_remembered(readmes: Readmes, counts: Counted) -> None:
    # The first is taken at once; the others wait.
    texts = [f"text {number}" for number in range(MAX_WAITING + 3)]
    shown = await asyncio.gather(*(readmes.html(each, MARKDOWN, "a") for each in texts))
    notes = [each.note for each in shown]
    assert notes[:MAX_WAITING] == [""] * MAX_WAITING
    assert all("Reload the page" in note for note in notes[MAX_WAITING:])
    assert counts == {"rendered": MAX_WAITING, "busy": 3}
    assert (await readmes.html(texts[-1], MARKDOWN, "a")).note == ""


async def test_an_uploader_of_many_hostile_texts_keeps_no_other_out(readmes: Readmes) -> None:
    ended: list[str] = []

    async def ask(text: str, uploader: str) -> None:
        assert (await readmes.html(text, MARKDOWN, uploader)).note == ""
        ended.append(text)

    others = [asyncio.create_task(ask(f"text {each}", "a")) for each in range(MAX_WAITING - 1)]
    await asyncio.sleep(0)
    await ask("hello", "b")
    await asyncio.gather(*others)
    # It waited for the one that was being rendered, and for one that came before it.
    assert ended.index("hello") <= 2


async def test_a_child_that_dies_is_replaced_and_its_text_is_not_blamed(readmes: Readmes, counts: Counted) -> None:
    await readmes.html("hello", MARKDOWN, "a")
    assert readmes.child is not None
    first = readmes.child.pid
    await readmes.child.kill()
    assert "Reload" in (await readmes.html("another", MARKDOWN, "a")).note
    assert (await readmes.html("another", MARKDOWN, "a")).note == ""
    assert readmes.child.pid != first
    assert counts == {"rendered": 2, "busy": 1}


async def test_a_child_that_cannot_start_leaves_text(counts: Counted, caplog: pytest.LogCaptureFixture) -> None:
    readmes = Readmes(None, counts, command=(sys.executable, "-c", ""), times=PATIENT)
    assert "Reload" in (await readmes.html("hello", MARKDOWN, "a")).note
    assert "the child that renders READMEs failed" in caplog.text
    await readmes.close()


async def test_an_idle_child_ends_and_the_next_text_starts_another(
    command: tuple[str, ...], counts: Counted
) -> None:
    readmes = Readmes(None, counts, command=command, times=Times(HANG_SECONDS, idle_seconds=0))
    for text in ("one", "two"):
        assert (await readmes.html(text, MARKDOWN, "a")).note == ""
        await until(lambda: readmes.child is None)
    await readmes.close()


async def test_a_text_that_comes_while_the_idle_child_ends_is_rendered_by_another(
    command: tuple[str, ...], counts: Counted
) -> None:
    readmes = Readmes(None, counts, command=command, times=Times(HANG_SECONDS, idle_seconds=0))
    await readmes.html("one", MARKDOWN, "a")
    while readmes.child is not None:
        await asyncio.sleep(0)
    assert (await readmes.html("two", MARKDOWN, "a")).note == ""
    await readmes.close()


async def test_closing_ends_the_child_and_all_that_waits(command: tuple[str, ...], counts: Counted) -> None:
    readmes = Readmes(None, counts, command=command, times=PATIENT)
    await readmes.html("hello", MARKDOWN, "a")
    assert readmes.child is not None
    pid = readmes.child.pid
    waiting = [asyncio.create_task(readmes.html(text, MARKDOWN, text)) for text in ("spin", "one", "two")]
    await asyncio.sleep(0)
    await readmes.close()
    assert all("Reload" in each.note for each in await asyncio.gather(*waiting))
    assert not Path(f"/proc/{pid}").exists()
    await readmes.close()


async def test_html_with_highlighted_code_says_so() -> None:
    assert Readme('<pre tabindex="0"><span class="k">a</span></pre>').has_code
    assert not Readme('<div class="wide" tabindex="0"></div>').has_code


async def test_the_key_changes_with_all_that_changes_the_html(counts: Counted) -> None:
    plain, with_images = Readmes(None, counts), Readmes(None, counts, images=True)
    keys = {
        plain.key("a", MARKDOWN),
        plain.key("b", MARKDOWN),
        plain.key("a", "text/x-rst"),
        plain.key("a", "text/markdown; variant=CommonMark"),
        with_images.key("a", MARKDOWN),
    }
    assert len(keys) == 5
    assert plain.key("a", "text/markdown; charset=UTF-8") == plain.key("a", MARKDOWN)

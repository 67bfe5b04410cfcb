import re
import sys
from importlib.metadata import distributions
from pathlib import Path

import lxml.html
import pytest

from support.hostile_readmes import HOSTILE
from wheelyard_server.readmes.child_process import Child
from wheelyard_server.readmes.frames import MAX_TEXT_BYTES, Answer, Outcome, Task
from wheelyard_server.readmes.markups import Markup, markup_of

LINK = re.compile(r"(https?|mailto):|#user-content-")
ATTRIBUTES = {
    *("align", "alt", "class", "colspan", "height", "href", "id", "loading", "referrerpolicy", "rel", "rowspan"),
    *("src", "start", "tabindex", "title", "width"),
}
ELEMENTS_OF_PAGES = {
    *(
        "aside",
        "base",
        "body",
        "button",
        "embed",
        "footer",
        "form",
        "h1",
        "h2",
        "header",
        "html",
        "iframe",
        "input",
    ),
    *("link", "main", "math", "meta", "nav", "object", "script", "section", "style", "svg", "template", "title"),
}


@pytest.fixture
def command(command: tuple[str, ...]) -> tuple[str, ...]:
    return (*command, "real")


async def answer(child: Child, text: str, markup: Markup, *, images: bool = False) -> Answer:
    return await child.ask(Task(text, markup, images))


async def test_no_hostile_readme_gets_a_script_a_style_or_a_name_of_the_page(child: Child) -> None:
    assert len(HOSTILE) > 200
    for markup, text in HOSTILE:
        for images in (False, True):
            done = await answer(child, f"{text}\n\nThe end.", markup, images=images)
            assert done.outcome is Outcome.RENDERED or (done.outcome is Outcome.INVALID and markup is Markup.RST), (
                text
            )
            if done.outcome is Outcome.RENDERED:
                check_parsed(done.html, text, images=images)


def check_parsed(html: str, text: str, *, images: bool) -> None:
    """Check HTML as a browser sees it: inside of an element that must stay its parent."""
    page = lxml.html.fragment_fromstring(f'<article id="around">{html}</article>')
    assert page.get("id") == "around", text
    for element in page.iterdescendants():
        assert element.tag not in ELEMENTS_OF_PAGES, text
        assert element.tag != "img" or images, text
        assert set(element.attrib) <= ATTRIBUTES, text
        assert LINK.match(element.get("href", "https:")), text
        assert element.get("src", "https:").startswith("https:"), text
        assert element.get("id", "user-content-").startswith("user-content-"), text
        assert element.get("class", "wide") == "wide" or len(element.get("class")) <= 3, text
        if "href" in element.attrib:
            assert element.get("rel") == "nofollow noreferrer noopener", text


async def test_readmes_of_real_projects_are_rendered_and_keep_their_words(child: Child) -> None:
    """The descriptions of all that is installed here."""
    tried = 0
    for each in distributions(path=[path for path in sys.path if path.endswith("site-packages")]):
        metadata = each.metadata.json
        text, content_type = metadata.get("description", ""), metadata.get("description_content_type", "")
        markup = markup_of(str(content_type))
        if not isinstance(text, str) or not text.strip() or markup is None or len(text.encode()) > MAX_TEXT_BYTES:
            continue
        done = await answer(child, text, markup)
        assert done.outcome is Outcome.RENDERED, each.name
        tried += 1
    assert tried > 50


@pytest.mark.parametrize(
    ("markup", "text", "html"),
    [
        (Markup.GFM, "~~old~~ www.example.com", "<del>old</del>"),
        (Markup.COMMONMARK, "~~old~~", "<p>~~old~~</p>"),
        (Markup.GFM, "```python\na = 1\n```", '<span class="mi">1</span>'),
        (Markup.GFM, "```no-such-language\na < 1\n```", '<pre tabindex="0">a &lt; 1\n</pre>'),
        (Markup.GFM, "```haskell\nx = 1\n```", '<span class="'),
        (Markup.RST, ".. code:: haskell\n\n   x = 1", '<span class="'),
        (Markup.RST, "A\n=\n\nB\n-\n", "<h4>B</h4>"),
        (Markup.RST, ".. note:: careful", "<blockquote>"),
        (Markup.RST, ".. code:: no-such-language\n\n   x", "<code>x</code>"),
    ],
)
async def test_what_markups_have_works_behind_the_walls(child: Child, markup: Markup, text: str, html: str) -> None:
    done = await answer(child, text, markup)
    assert html in done.html


async def test_an_error_in_restructuredtext_is_the_author_s(child: Child) -> None:
    assert await answer(child, "`a`_", Markup.RST) == Answer(Outcome.INVALID)


async def test_a_deeply_nested_text_is_no_html(child: Child) -> None:
    assert (await answer(child, "<div>" * 300, Markup.GFM)).outcome is Outcome.FAILED


async def test_a_renderer_needs_less_memory_than_it_may_have(child: Child) -> None:
    """The child: at most 200 MiB, as the resident memory of the process."""
    await answer(child, "```python\n" + "a = f(1)\n" * 5000 + "```\n", Markup.GFM)
    status = Path(f"/proc/{child.pid}/status").read_text()
    (kibibytes,) = re.findall(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    assert int(kibibytes) < 120 * 1024

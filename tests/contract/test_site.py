"""The documents as a site, as `make docs` builds it."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import mermaidx
import pytest

import pictures
from generated import PAGES
from support.documents import PAGES as DOCUMENTS
from support.documents import ROOT, Block, blocks

PICTURES = [block for page in DOCUMENTS for block in blocks(page) if block.language == "mermaid"]
MERMAID_11_16_0 = "74d7c46dabca328c2294733910a8aa1ed0c37451776e8d5295da38a2b758fb9b"
"""The SHA-256 of `dist/mermaid.min.js` in the npm package mermaid 11.16.0, by which it was checked."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it. A warning is an error: a link or an anchor that leads nowhere, a page that is not in the nav."""
    folder = tmp_path_factory.mktemp("site")
    command = [str(Path(sys.executable).with_name("mkdocs")), "build", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_the_generated_pages_are_there(site: Path) -> None:
    for page in PAGES:
        assert (site / page).with_suffix(".html").exists()
    assert 'id="spec-storage-s3-bucket"' in (site / "reference/packageindex.html").read_text()


def test_links_to_examples_lead_to_their_place(site: Path) -> None:
    assert 'href="reference/examples.html#publisher"' in (site / "quickstart.html").read_text()
    assert 'href="../reference/examples.html#serviceaccount"' in (site / "recipes/ci.html").read_text()
    assert 'id="publisher"' in (site / "reference/examples.html").read_text()


def test_all_decisions_are_in_the_nav(site: Path) -> None:
    first = (site / "adr/index.html").read_text()
    for page in (ROOT / "docs/adr").glob("0*.md"):
        assert f'href="{page.stem}.html" class="md-nav__link"' in first


def test_no_page_needs_another_host(site: Path) -> None:
    """Not for a font, a script, a style or a picture: the site can be read where there is no way out."""
    for page in site.rglob("*.html"):
        fetched = re.findall(
            r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?//[^"]+"', page.read_text()
        )
        assert fetched == [], page


@pytest.mark.parametrize("picture", PICTURES, ids=str)
def test_a_picture_can_be_drawn(picture: Block) -> None:
    assert mermaidx.render(picture.text).svg().startswith("<svg")


def test_the_context_is_the_same_picture_on_both_first_pages() -> None:
    first = {block.text for block in PICTURES if block.page.name in ("README.md", "index.md")}
    assert len(first) == 1


def test_only_pages_with_pictures_load_the_script_that_draws_them(site: Path) -> None:
    tag = f'src="{pictures.SCRIPT}"'
    assert tag in (site / "index.html").read_text()
    assert pictures.SCRIPT not in (site / "alerts.html").read_text()


def test_the_script_that_draws_pictures_is_the_one_that_its_authors_publish(site: Path) -> None:
    """It runs in the browser of each reader, and comes to us in the package of somebody else."""
    assert hashlib.sha256((site / pictures.SCRIPT).read_bytes()).hexdigest() == MERMAID_11_16_0

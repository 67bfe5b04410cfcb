"""What mkdocs calls: pages that are made from other files of the repository, so that they are never out of date."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import examples
import fields
import file_map
import helm_values
import pictures

ROOT = Path(__file__).parents[2]
PAGES: dict[str, Callable[[], str]] = {
    "reference/packageindex.md": lambda: _fields("packageindexes"),
    "reference/indexuser.md": lambda: _fields("indexusers"),
    "reference/packageexception.md": lambda: _fields("packageexceptions"),
    "reference/helm-values.md": lambda: helm_values.page((ROOT / "charts/wheelyard/values.yaml").read_text()),
    "reference/examples.md": lambda: examples.page(ROOT / "examples"),
    "changelog.md": (ROOT / "CHANGELOG.md").read_text,
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let a `*` in the nav stand for all pages that there are, in their order."""
    if config.nav is not None:
        config.nav = _expanded(config.nav)
    return config


def _expanded(nav: list[Any]) -> list[Any]:
    entries: list[Any] = []
    for entry in nav:
        if isinstance(entry, dict):
            entries.append(
                {title: _expanded(below) if isinstance(below, list) else below for title, below in entry.items()}
            )
        elif "*" in entry:
            entries += [str(page.relative_to(ROOT / "docs")) for page in sorted((ROOT / "docs").glob(entry))]
        else:
            entries.append(entry)
    return entries


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the script that draws pictures."""
    for path, content in PAGES.items():
        try:
            files.append(File.generated(config, path, content=content()))
        except helm_values.UndescribedValueError as error:
            raise PluginError(str(error)) from error
    files.append(pictures.file(config))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let links to the repository's examples lead to their page, and put the file map into its place."""
    return file_map.with_map(examples.linked(markdown, page.file.src_uri.count("/")))


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Let pages with pictures load what draws them."""
    return pictures.with_script(output, page.url)


def _fields(plural: str) -> str:
    return fields.page(yaml.safe_load((ROOT / f"crds/wheelyard.dev_{plural}.yaml").read_text()))

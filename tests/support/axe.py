"""axe-core from the npm registry: which findings of accessibility a page in Chromium has."""

import json
import subprocess
import tarfile
from functools import cache as once
from pathlib import Path

from cluster.paths import cache, locked
from support.chromium import Page

VERSION = "4.14.1"
_STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN = """axe.run(document, {runOnly: %s}).then((found) => found.violations.map(
  (each) => [each.impact, each.id, each.help, each.nodes.map((node) => node.html + " " + node.failureSummary)]))"""


async def findings(page: Page) -> list[str]:
    """Return what axe-core finds against WCAG 2.2 AA and its own best practice, of any impact.

    Its script comes by the DevTools protocol: the page's own policy lets no script in.
    """
    await page.evaluate(f"{_script()};0")
    found = await page.evaluate(_RUN % json.dumps(_STANDARDS))
    return [f"{impact} {rule}: {text}: {nodes}" for impact, rule, text, nodes in found]


@once
def _script() -> str:
    return (_package() / "axe.min.js").read_text()


def _package() -> Path:
    """Return the folder of the package, fetched the first time."""
    target = cache() / "axe-core" / VERSION
    with locked("axe-core"):
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            pack = ["npm", "pack", "--silent", f"axe-core@{VERSION}", "--pack-destination", str(target.parent)]
            subprocess.run(pack, check=True, capture_output=True)
            with tarfile.open(target.parent / f"axe-core-{VERSION}.tgz") as archive:
                archive.extractall(target.with_suffix(".new"), filter="data")
            (target.with_suffix(".new") / "package").rename(target)
    return target

"""The page says which S3 servers were tried, in the versions that `make s3-servers` pins."""

import re
from pathlib import Path

from s3_servers.products import PRODUCTS

ROOT = Path(__file__).parents[2]


def test_the_page_has_every_server_with_its_version_and_result() -> None:
    page = (ROOT / "docs/recipes/s3-compatible.md").read_text()
    section = page.partition("## What works on which server")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| ")
    ]
    found = {name: (version.split()[0], atomic.startswith("yes")) for name, version, atomic, *_ in rows[2:]}
    assert found == {each.name: (each.version, bool(each.is_safe)) for each in PRODUCTS}


def test_every_finding_is_in_the_table_and_can_be_run() -> None:
    folder = ROOT / "findings"
    scripts = {path.name for path in folder.glob("*.sh")}
    assert scripts == set(re.findall(r"\]\((\S+\.sh)\)", (folder / "README.md").read_text()))
    assert all((folder / name).stat().st_mode & 0o111 for name in scripts)

"""`docs/operations.md` lists every rule of a finding, and no other."""

import re

from cluster.paths import REPOSITORY
from wheelyard_server.catalog.inspection.findings import Rule


def test_all_rules_are_documented() -> None:
    text = (REPOSITORY / "docs/operations.md").read_text()
    table = text[text.index("| rule | what is wrong |") :].partition("\n\n")[0]
    rules = [rule for row in table.splitlines()[2:] for rule in re.findall(r"`([a-z-]+)`", row.split("|")[1])]
    assert sorted(rules) == sorted(Rule)

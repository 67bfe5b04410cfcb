"""The truth table of the rules, against what is written here by hand, and what holds for all of them together.

`TABLE` was filled in by reading the files and policies below as a person would, not by any code
that decides.
"""

from datetime import UTC, datetime, timedelta

import pytest

from support.policies import (
    NOW,
    advisory,
    basis,
    digest_of,
    feed,
    judge,
    local,
    mirror_of,
    mirrored,
    of_versions,
    rules,
)
from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.case import AnyFile
from wheelyard_server.policy.judge import Judge
from wheelyard_server.policy.quarantine import Quarantine, Quarantined
from wheelyard_server.policy.verdict import PERMITTED, Rule, Verdict

ACME, EVIL = (f"https://git.example.com/{who}/demo/.ci/release.yml" for who in ("acme", "evil"))
ATTESTED = {"license": "MIT", "provenance_url": "https://upstream.example.com/p", "publisher": ACME}
FILES: dict[str, AnyFile] = {
    # the first file with a publisher; no rule has anything against it
    "old": mirrored("demo-1.0-py3-none-any.whl", 30, **ATTESTED),
    "sdist": mirrored("demo-1.0.tar.gz", 29, license="AGPL-3.0-only"),
    # malware, by its version and by its digest, and from another publisher
    "bad": mirrored(
        "demo-1.5-py3-none-any.whl",
        20,
        **{**ATTESTED, "publisher": EVIL, "license": "Apache-2.0 OR AGPL-3.0-only", "sha256": digest_of("b")},
    ),
    # a critical vulnerability, known for 60 days
    "hole": mirrored("demo-1.6-py3-none-any.whl", 15, **ATTESTED),
    "young": mirrored("demo-2.0-py3-none-any.whl", 1, **ATTESTED),
    "undated": mirrored("demo-1.1-py3-none-any.whl", None, **ATTESTED),
    # without a version, a license and a publisher, from before there were publishers
    "odd": mirrored("demo-1.0.win32.exe", 40).replace(version=""),
    "own": local("demo-1.0-py3-none-any.whl", license="MIT"),
    # published here with the bytes of the malware
    "ownbad": local("demo-3.0-py3-none-any.whl", license="MIT", sha256=digest_of("b")),
}
MIRROR = mirror_of(*(file for file in FILES.values() if isinstance(file, MirroredFile)))
LOCAL = Project(name="demo", files=tuple(file for file in FILES.values() if isinstance(file, File)))
FEED = feed(
    advisory("MAL-1", **of_versions("1.5"), digests=(digest_of("b"),)),
    advisory("GHSA-1", **of_versions("1.6")),
)
LETTERS = {
    Rule.DENY: "d",
    Rule.ALLOW: "a",
    Rule.MALWARE: "m",
    Rule.VULNERABILITIES: "v",
    Rule.LICENSES: "l",
    Rule.FORMATS: "f",
    Rule.PROVENANCE: "p",
    Rule.COOLDOWN: "c",
    Rule.QUARANTINE: "q",
}
NO_MALWARE = "malware: {action: Off}\n"
DEMO = 'packages: [demo], until: "2026-12-15", reason: SEC-1'

# A capital letter: refused by the rule that begins with it. Small letters: served, and these rules
# report. A dot: no rule has anything against it. The columns are FILES: old, sdist, bad, hole,
# young, undated, odd, own, ownbad.
TABLE = """
cooldown: {action: Off} / malware: {action: Off}                                    : . . . . . . . . .
malware: {action: Block}                                                            : . . M . C C M . M
cooldown: {action: Report} / malware: {action: Report}                              : . . m . c c m . m
cooldown: {age: 25d}                                                                : . . M C C C M . M
cooldown: {age: 35d} / malware: {action: Report}                                    : C C C C C C m . m
deny: [{packages: [demo]}]                                                          : D D D D D D D D D
deny: [{packages: [demo], versions: "<1.5"}]                                        : D D M . C D D D M
deny: [{packages: ["D.*", Demo]}]                                                   : D D D D D D D D D
deny: [{packages: [demo-tools]}]                                                    : . . M . C C M . M
deny: [{sha256: [DIGEST]}]                                                          : . . D . C C M . D
deny: [{packages: [demo], action: Report}]                                          : d d M d C C M d M
deny: [{packages: [demo], action: Off}]                                             : . . M . C C M . M
deny: [{packages: [demo], action: Report}, {packages: [de*]}]                       : D D D D D D D D D
allow: {releases: [{packages: [demo]}]}                                             : . . M . C C M . M
allow: {releases: [{packages: [other]}]}                                            : A A A A A A A . M
allow: {releases: []}                                                               : A A A A A A A . M
allow: {releases: [{packages: [demo], versions: "==1.0"}]}                          : . . A A A A A . M
allow: {action: Report, releases: [{packages: [other]}]}                            : a a M a C C M . M
allow: {action: Off, releases: []}                                                  : . . M . C C M . M
allow: {releases: [{packages: [demo]}]} / deny: [{packages: [d*]}]                  : D D D D D D D D D
vulnerabilities: {action: Block}                                                    : . . M V C C M . M
vulnerabilities: {action: Report}                                                   : . . M v C C M . M
vulnerabilities: {action: Block, known: 90d}                                        : . . M . C C M . M
NO_MALWARE / vulnerabilities: {action: Block}                                       : . . . V C C V . .
licenses: {action: Block, deny: ["agpl-3.0-*"]}                                     : . L M . C C M . M
NO_MALWARE / licenses: {action: Block, deny: ["AGPL-3.0-*"]}                        : . L . . C C . . .
NO_MALWARE / licenses: {action: Block, deny: [MIT]}                                 : L . . L L L . L L
NO_MALWARE / licenses: {action: Report, deny: [MIT]}                                : l . . l C C . l l
NO_MALWARE / licenses: {action: Block, allow: [MIT]}                                : . L L . C C . . .
NO_MALWARE / licenses: {action: Block, unknown: Block}                              : . . . . C C L . .
formats: {action: Block}                                                            : . F M . C C M . M
NO_MALWARE / formats: {action: Block, allow: [sdist]}                               : F . F F F F F . .
NO_MALWARE / formats: {action: Block, allow: [other]}                               : F F F F F F . . .
NO_MALWARE / formats: {action: Report, allow: [sdist, other]}                       : f . f f C C . . .
NO_MALWARE / provenance: {action: Block}                                            : . P P . C C . . .
NO_MALWARE / provenance: {action: Report}                                           : . p p . C C . . .
NO_MALWARE / provenance: {action: Block, packages: [other]}                         : . . . . C C . . .
exceptions: [{DEMO, from: [cooldown]}]                                              : . . M . . . M . M
exceptions: [{DEMO, versions: "==2.*", from: [cooldown]}]                           : . . M . . C M . M
exceptions: [{DEMO, versions: "==1.5", from: [malware]}]                            : . . . . C C M . M
exceptions: [{DEMO, from: [malware]}]                                               : . . . . C C . . .
exceptions: [{DEMO, from: [malware], advisories: [MAL-1]}]                          : . . . . C C . . .
exceptions: [{DEMO, from: [malware], advisories: [MAL-2]}]                          : . . M . C C M . M
exceptions: [{DEMO, from: [deny, allow]}]                                           : . . M . C C M . M
deny: [{packages: [demo]}] / exceptions: [{DEMO, versions: "==1.0", from: [deny]}]  : . . D D D D D . D
deny: [{packages: [demo]}] / exceptions: [{DEMO, from: [deny]}]                     : . . M . C C M . M
deny: [{packages: [demo]}] / exceptions: [{DEMO, from: [malware, cooldown]}]        : D D D D D D D D D
NO_MALWARE / provenance: {action: Block} / exceptions: [{DEMO, from: [provenance]}] : . . . . C C . . .
"""
LINES = TABLE.strip().splitlines()


def _rows() -> list[tuple[str, str, str]]:
    """Return each policy of the table with a file and the cell of both."""
    cells = [(policy.strip(), row.split()) for policy, _, row in (line.rpartition(" : ") for line in LINES)]
    return [(policy, name, cell) for policy, row in cells for name, cell in zip(FILES, row, strict=True)]


def _yaml(policy: str) -> str:
    lines = policy.replace("NO_MALWARE", NO_MALWARE.strip()).replace("DIGEST", f'"{digest_of("b")}"')
    return lines.replace("DEMO", DEMO).replace(" / ", "\n")


def _shown(verdict: Verdict) -> str:
    """Return the verdict as the table writes it."""
    if verdict.rule is not None:
        assert (verdict.is_listed, verdict.is_served) == (False, False)
        return LETTERS[verdict.rule].upper()
    assert verdict.is_listed
    assert verdict.is_served
    return "".join(LETTERS[rule] for rule in verdict.reported) or "."


def _judge(policy: str, name: str, quarantine: Quarantine | None = None) -> Judge:
    project = LOCAL if name.startswith("own") else MIRROR
    return Judge(project, basis(rules(_yaml(policy)), FEED, quarantine or Quarantine()), NOW)


@pytest.mark.parametrize(("policy", "name", "cell"), _rows())
def test_a_file_is_served_refused_or_reported_as_the_table_says(policy: str, name: str, cell: str) -> None:
    verdict = _judge(policy, name).verdict(FILES[name])
    assert _shown(verdict) == cell
    assert bool(verdict.reason) is cell.isupper()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("entry", [{"project": "demo"}, {"sha256": digest_of("0")}, {"sha256": digest_of("b")}])
def test_quarantine_by_hand_precedes_all_rules_and_no_exception_lifts_it(name: str, entry: dict[str, str]) -> None:
    quarantine = Quarantine(entries=(Quarantined(reason="alert", by="ann", at=NOW).replace(**entry),))
    every_rule = ", ".join(rule for rule in LETTERS if rule is not Rule.QUARANTINE)
    policy = f"deny: [{{packages: [demo]}}] / exceptions: [{{DEMO, from: [{every_rule}]}}]"
    found = _judge(policy, name, quarantine).verdict(FILES[name])
    is_meant = entry in ({"project": "demo"}, {"sha256": FILES[name].sha256})
    assert _shown(found) == ("Q" if is_meant else ".")
    assert ("alert" in found.reason) is is_meant


@pytest.mark.parametrize(
    ("version", "refused"),
    [("", {"1.0", "2.0", "odd"}), ("1", {"1.0", "odd"}), ("2.0", {"2.0", "odd"}), ("3", {"odd"})],
)
def test_quarantine_of_a_version_is_of_all_its_spellings_and_of_files_without_a_version(
    version: str, refused: set[str]
) -> None:
    """T33: the file that cannot be decided about costs itself only."""
    files = {"1.0": FILES["old"], "2.0": FILES["young"].replace(upload_time=NOW), "odd": FILES["odd"]}
    entry = Quarantined(reason="alert", by="ann", at=NOW, project="demo", version=version)
    judge = _judge("cooldown: {action: Off} / malware: {action: Off}", "old", Quarantine(entries=(entry,)))
    assert {name for name, file in files.items() if not judge.verdict(file).is_served} == refused


@pytest.mark.parametrize(("version", "is_refused"), [("1.0", True), ("1.0+cu121", True), ("1.0+cpu", False)])
def test_quarantine_of_a_version_is_of_its_local_builds_as_pip_reads_it(version: str, *, is_refused: bool) -> None:
    """`pip install demo==1.0` installs 1.0+cu121 (PEP 440), and so does an attacker who took the release over."""
    entry = Quarantined(reason="alert", by="ann", at=NOW, project="demo", version=version)
    judge = _judge("cooldown: {action: Off}", "old", Quarantine(entries=(entry,)))
    found = judge.verdict(FILES["old"].replace(version="1.0+cu121"))
    assert found.is_served is not is_refused


def test_an_unremarkable_file_has_the_one_permitted_verdict() -> None:
    assert _judge("malware: {action: Block}", "old").verdict(FILES["old"]) is PERMITTED


@pytest.mark.parametrize(
    ("policy", "upstream", "own"),
    [
        ("malware: {action: Block}", ".", "."),
        ("deny: [{packages: [de*]}]", "D", "D"),
        ("deny: [{packages: [demo], action: Report}]", "d", "d"),
        ('deny: [{packages: [demo], versions: "<9"}]', ".", "."),
        ("deny: [{sha256: [DIGEST]}]", ".", "."),
        ('deny: [{packages: [demo]}] / exceptions: [{DEMO, versions: "==1.0", from: [deny]}]', ".", "."),
        ("deny: [{packages: [demo]}] / exceptions: [{DEMO, from: [cooldown]}]", "D", "D"),
        ("allow: {releases: [{packages: [other]}]}", "A", "."),
        ('allow: {releases: [{packages: [demo], versions: "==9"}]}', ".", "."),
        ('allow: {releases: []} / exceptions: [{DEMO, versions: "==1.0", from: [allow]}]', ".", "."),
    ],
)
def test_a_denied_name_is_refused_as_a_whole_unless_an_exception_lets_a_version_in(
    policy: str, upstream: str, own: str
) -> None:
    unknown = Judge(Project(name="demo"), basis(rules(_yaml(policy)), FEED), NOW)
    assert _shown(_judge(policy, "old").verdict_on_name()) == _shown(unknown.verdict_on_name()) == upstream
    assert _shown(_judge(policy, "own").verdict_on_name()) == own


@pytest.mark.parametrize(("version", "cell"), [("", "Q"), ("1.0", ".")])
def test_a_name_all_of_whose_versions_are_quarantined_is_refused(version: str, cell: str) -> None:
    entry = Quarantined(reason="alert", by="ann", at=NOW, project="demo", version=version)
    judge = _judge("allow: {releases: []}", "own", Quarantine(entries=(entry,)))
    assert _shown(judge.verdict_on_name()) == cell


def first_end(found: Judge) -> datetime | None:
    return min((verdict.until for _, verdict in found.verdicts() if verdict.until is not None), default=None)


def test_pages_find_the_first_end_if_a_file_that_waits_longer_than_others_changes_first() -> None:
    """The deny rule is excepted for longer than the cooldown, and the cooldown until one of two files is old."""
    young, old = mirrored("demo-1.0-cp1-none-any.whl", 1), mirrored("demo-1.0-cp2-none-any.whl", 5)
    policy = """
cooldown: {age: 7d}
deny: [{packages: [demo]}]
exceptions:
- {packages: [demo], from: [deny], until: "2027-01-01T00:00:00Z", reason: SEC-1}
- {packages: [demo], from: [cooldown], until: "2026-12-04T00:00:00Z", reason: SEC-2}
"""
    found = judge(policy, mirror_of(young, old))
    assert first_end(found) == found.verdict(young).until == datetime(2026, 12, 4, tzinfo=UTC)
    assert found.verdict(old).until == datetime(2027, 1, 1, tzinfo=UTC)


def test_pages_find_the_first_end_of_files_that_wait() -> None:
    files = [mirrored(f"demo-1.0-cp{days}-none-any.whl", days) for days in (3, 5, 1)]
    found = judge("cooldown: {age: 7d}", mirror_of(*files))
    assert first_end(found) == NOW + timedelta(days=2)


def test_files_of_a_version_that_differ_in_their_digests_have_verdicts_of_their_own_on_pages() -> None:
    blocked, reported = (mirrored(f"demo-1.0-cp{letter}-none-any.whl", sha256=digest_of(letter)) for letter in "ab")
    policy = f"deny: [{{sha256: [{digest_of('a')}]}}, {{sha256: [{digest_of('b')}], action: Report}}]"
    found = judge(policy, mirror_of(blocked, reported)).verdicts()
    assert [(file.filename, verdict.is_listed) for file, verdict in found] == [
        (blocked.filename, False),
        (reported.filename, True),
    ]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_file_without_a_version_is_not_decided_on_pages_as_those_of_unremarkable_versions(
    *, is_first: bool
) -> None:
    """T33: a rule that reports both must not make one of them share the other's verdict."""
    odd, plain = mirrored("demo-x-py3-none-any.whl").replace(version=""), mirrored()
    policy = "formats: {action: Report, allow: [sdist]}\ndeny: [{packages: [demo], versions: ==9.9}]"
    found = judge(policy, mirror_of(*((odd, plain) if is_first else (plain, odd)))).verdicts()
    assert {file.version: verdict.is_listed for file, verdict in found} == {"": False, "1.0": True}

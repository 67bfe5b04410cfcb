"""What verdicts cost next to rendering the page that they are for: `python -m bench.decisions`.

Each file of a project is decided about once, and listed by the pages in HTML and in JSON. All of
OSV's advisories are loaded, as made records. The times are of one processor of this machine; the
ratio to the cheaper of both pages is what counts, and at most a fifth is wanted.
"""

import time
from collections.abc import Callable
from datetime import timedelta

import msgspec

from support import osv
from support.policies import NOW, ago, basis, mirror_of, mirrored, rules
from wheelyard_server.catalog.offers import Offers
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.feed.osv_records import read_record
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.advisories import Advisories, PackedAdvisories, joined
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.judge import Judge
from wheelyard_server.settings.policy import PolicyRules
from wheelyard_server.storage import ETag
from wheelyard_server.web.pages.negotiation import MediaType
from wheelyard_server.web.pages.project_page import ROOT, project_page

FILES = 3_000
FILES_OF_A_VERSION = 20
ROUNDS = 7
WANTED = 0.2

DEFAULTS = "malware: {action: Block}"
ALL_RULES = """
vulnerabilities: {action: Report, severity: High}
licenses: {action: Block, deny: ["AGPL-*"]}
formats: {action: Block, allow: [wheel, sdist]}
provenance: {action: Block}
"""


def many_entries(text: str) -> PolicyRules:
    """Return a policy that also has 1,000 denials and 1,000 exceptions, most of other projects."""
    packages = [f"p-{number}" if number % 10 else f"x-{number}-*" for number in range(1_000)]
    denied = "\n".join(f'- {{packages: [{name}], versions: "<2"}}' for name in packages)
    entry = 'versions: "==1", from: [cooldown], until: "2027-01-01", reason: SEC-1'
    excepted = "\n".join(f"- {{packages: [{name}], {entry}}}" for name in packages)
    return rules(f"{text.strip()}\ndeny:\n{denied}\nexceptions:\n{excepted}\n")


def all_of_osv() -> Advisories:
    """Return as many advisories as OSV has of PyPI."""
    by_name: dict[str, list[bytes]] = {}
    for record in osv.as_many_as_osv():
        for name, found in read_record(msgspec.json.encode(record)).packed.items():
            by_name.setdefault(name, []).append(found)
    return Advisories("1", PackedAdvisories(({name: joined(tuple(each)) for name, each in by_name.items()},)))


def project(name: str, days: float) -> Project:
    """Return a project of an upstream whose newest file is so many days old."""
    files = (_file(number, days) for number in range(FILES))
    return mirror_of(*files, name=name, made=ago(400))


def _file(number: int, days: float) -> MirroredFile:
    version = f"{number // FILES_OF_A_VERSION}.0"
    filename = f"demo-{version}-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.p{number}.whl"
    published = ago(days) - timedelta(minutes=FILES - number)
    return mirrored(filename, None, sha256=f"{number:064x}", size=1_000_000).replace(
        version=version,
        upload_time=published,
        requires_python=">=3.9",
        core_metadata_sha256=f"{number:064x}",
        license="Apache-2.0 OR MIT",
        publisher="GitHub acme/demo release.yml",
        provenance_url="https://upstream.example.com/p",
    )


def seconds(call: Callable[[], object]) -> float:
    """Return the least processor time of a call."""
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def deciding(on: Project, known: Basis) -> float:
    """Return the seconds that verdicts on all files take, with nothing prepared but the policy."""

    def decide() -> None:
        for _ in Judge(on, known, NOW).verdicts():
            pass

    return seconds(decide)


def rendering(on: Project) -> float:
    """Return the seconds that the cheaper of the pages in HTML and in JSON takes, if all files are listed."""
    view = ProjectView(on, ETag("1"), Offers(on, basis(), lambda: NOW))
    assert len(view.files) == FILES
    kinds = (MediaType.TEXT_HTML, MediaType.JSON_V1)
    return min(seconds(lambda: project_page(view, kind, ROOT)) for kind in kinds)  # noqa: B023 - called at once


def main() -> None:
    """Print the table."""
    known = all_of_osv()
    affected = next(name for name in ("popular-0", "popular-1") if known.has(name))
    cases = [
        ("the defaults", basis(rules(DEFAULTS), known), project("demo", 30)),
        ("all rules, 1,000 denials and exceptions", basis(many_entries(ALL_RULES), known), project("demo", 30)),
        ("the same, a project with advisories", basis(many_entries(ALL_RULES), known), project(affected, 30)),
        ("the defaults, the last 20 files wait", basis(rules(DEFAULTS), known), project("demo", 7 - 19.5 / 1440)),
        ("the defaults, all files wait", basis(rules(DEFAULTS), known), project("demo", 1)),
    ]
    print(f"{'verdicts on ' + str(FILES) + ' files':44}{'us a file':>12}{'page, us a file':>18}{'ratio':>8}")  # noqa: T201
    for title, each, on in cases:
        decided, rendered = (found / FILES * 1e6 for found in (deciding(on, each), rendering(on)))
        ratio = decided / rendered
        verdict = "" if ratio <= WANTED else f"  more than {WANTED}"
        print(f"{title:44}{decided:>12.2f}{rendered:>18.2f}{ratio:>8.2f}{verdict}")  # noqa: T201


if __name__ == "__main__":
    main()

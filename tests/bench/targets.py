"""What Wheelyard wants to reach, as ratios of one run wherever others can do the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bench.results import Key, Results, key_of

NGINX, PYPIRON = ("nginx",), ("pypiron",)
TICKING = ("wheelyard-ticking",)
FOLDER, TOKEN, S3 = ("wheelyard",), ("wheelyard-token",), ("wheelyard-s3",)
ANY = (*FOLDER, "wheelyard-2", *S3, "wheelyard-s3-2s", "wheelyard-s3-redirects")
MIRROR, RUST_MIRRORS = ("wheelyard-mirror",), ("pypiron-mirror", "peryx-mirror")
MIRRORS = (*RUST_MIRRORS, "devpi-mirror", "proxpi-mirror", "simple-repository-server-mirror")
PEOPLE, PEOPLE_AIOHTTP = ("wheelyard-pages",), ("wheelyard-pages-aiohttp",)
OTHER_PAGES = ("pypiron-pages", "devpi-web", "simple-repository-browser")
PYTHON_PEERS = ("pypiserver", "devpi", "proxpi", "simple-repository-server")


class Verdict(Enum):
    """How far it is."""

    REACHED = "reached"
    MISSED = "missed"
    UNKNOWN = "not measured"


@dataclass(frozen=True)
class Term:
    """A figure of a server, maybe to that of another one; of several servers the best counts."""

    key: Key
    servers: Sequence[str]
    to: Sequence[str] = ()

    def value(self, results: Results, *, more_is_better: bool) -> float | None:
        """Return the figure or the ratio."""
        ours = _best(results, self.key, self.servers, more_is_better=more_is_better)
        if not self.to or ours is None:
            return ours
        theirs = _best(results, self.key, self.to, more_is_better=more_is_better)
        return ours / theirs if theirs else None


@dataclass(frozen=True)
class Target:
    """Something to reach: every term has to."""

    title: str
    bound: float
    terms: Sequence[Term]
    unit: str = "x"
    at_least: bool = True

    def worst(self, results: Results) -> float | None:
        """Return the value of the term that is farthest from it; None if one could not be measured."""
        values = [term.value(results, more_is_better=self.at_least) for term in self.terms]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return min(known) if self.at_least else max(known)

    def verdict(self, results: Results) -> Verdict:
        """Return whether it is reached."""
        worst = self.worst(results)
        if worst is None:
            return Verdict.UNKNOWN
        reached = worst >= self.bound if self.at_least else worst <= self.bound
        return Verdict.REACHED if reached else Verdict.MISSED


def _best(results: Results, key: Key, servers: Sequence[str], *, more_is_better: bool) -> float | None:
    found = [value for server in servers if (value := results.median(key, server)) is not None]
    if not found:
        return None
    return max(found) if more_is_better else min(found)


def _terms(keys: Sequence[str], servers: Sequence[str], to: Sequence[str] = ()) -> Sequence[Term]:
    return [Term(key_of(each), servers, to) for each in keys]


_HOT = [f"pages/{name}/rate" for name in ("html", "json", "html-gzip", "json-gzip", "known")]

_WARM = ("html", "json", "html-gzip", "json-gzip", "known", "50kb")
_MIRRORED = [f"mirrors/{name}/rate" for name in _WARM]
_MIRRORED_CPU = [f"mirrors/{name}/cpu" for name in _WARM]

_RULES_MEASURED = [f"rules/{name}/cpu" for name in ("html", "json-gzip", "known", "50kb", "5mb")]
_RULES_CPU = [
    *_terms(_RULES_MEASURED, ("wheelyard-mirror-rules",), MIRROR),
    *_terms(_RULES_MEASURED, ("wheelyard-mirror-aiohttp-rules",), ("wheelyard-mirror-aiohttp",)),
]
_LOG_CPU = _terms(["rules/50kb/cpu", "rules/5mb/cpu"], MIRROR, ("wheelyard-mirror-unlogged",))

TARGETS: Sequence[Target] = (
    Target("hot project page (HTML, JSON, gzip, 304), to nginx", 1.0, _terms(_HOT, FOLDER, NGINX)),
    Target("the same with freshness 2 s on S3, to nginx", 1.0, _terms(_HOT, ("wheelyard-s3-2s",), NGINX)),
    Target("the same with a login by token, to nginx", 0.8, _terms(_HOT, TOKEN, NGINX)),
    Target("the same on S3 with strict freshness, to nginx", 0.5, _terms(_HOT, S3, NGINX)),
    Target(
        "3,000-file page, compressed, to nginx",
        1.0,
        _terms(["pages/big-html-gzip/rate", "pages/big-json-gzip/rate"], FOLDER, NGINX),
    ),
    Target(
        "downloads of cached files, 5 MB and 100 MB, to nginx",
        0.9,
        _terms(["files/5mb/speed", "files/5mb-4/speed", "files/100mb/speed"], FOLDER, NGINX),
    ),
    Target(
        "their CPU per GB, to nginx",
        1.5,
        _terms(["files/5mb-4/cpu", "files/100mb/cpu"], FOLDER, NGINX),
        at_least=False,
    ),
    Target(
        "uv pip install and pip download, wall time, to nginx",
        1.05,
        _terms(["installs/uv-install/seconds", "installs/pip-download/seconds"], FOLDER, NGINX),
        at_least=False,
    ),
    Target(
        "installs per second (page and redirect), to pypiron with redirects",
        1.0,
        _terms(["installs/pairs/rate"], ANY, ("pypiron-s3",)),
    ),
    Target("downloads of small cached files (50 KB), to nginx", 0.5, _terms(["files/50kb/rate"], FOLDER, NGINX)),
    Target(
        "uploads, small, 8 at once, to pypiron",
        1.0,
        _terms(["uploads/small/eight"], (*FOLDER, "wheelyard-2"), PYPIRON),
    ),
    Target(
        "the same to the best Python peer",
        3.0,
        _terms(["uploads/small/eight"], (*FOLDER, "wheelyard-2"), PYTHON_PEERS),
    ),
    Target(
        "upload of 1 GB, to hashing and copying it", 1.5, _terms(["uploads/large/ratio"], FOLDER), at_least=False
    ),
    Target("its peak memory", 150, _terms(["uploads/large/peak"], FOLDER), "MB", at_least=False),
    Target("start with 500,000 files in the bucket", 2, _terms(["huge/start/seconds"], S3), "s", at_least=False),
    Target("LIST requests of that", 0, _terms(["huge/start/lists"], S3), "requests", at_least=False),
    Target("memory of an idle process", 80, _terms(["memory/resident/idle"], FOLDER), "MB", at_least=False),
    Target(
        "longest gap of the event loop by cheap requests",
        20,
        _terms(["stalls/cheap/gap"], TICKING),
        "ms",
        at_least=False,
    ),
    Target("memory for 20 unread answers", 8, _terms(["stalls/cheap/held"], TICKING), "MB", at_least=False),
    Target("mirrored page and file, warm, to local ones", 0.95, _terms(_MIRRORED, MIRROR, FOLDER)),
    Target(
        "their CPU per request or GB, to local ones", 1.05, _terms(_MIRRORED_CPU, MIRROR, FOLDER), at_least=False
    ),
    Target("their rates to those of pypiron and peryx as mirrors", 1.0, _terms(_MIRRORED, MIRROR, RUST_MIRRORS)),
    Target(
        "uv pip compile and install from a mirror, warm, to nginx",
        1.0,
        _terms(["mirrored-installs/uv-compile/seconds", "mirrored-installs/uv-install/seconds"], MIRROR, NGINX),
        at_least=False,
    ),
    Target(
        "the same, cold",
        1.15,
        _terms(
            ["mirrored-installs/uv-compile-cold/seconds", "mirrored-installs/uv-install-cold/seconds"],
            MIRROR,
            NGINX,
        ),
        at_least=False,
    ),
    Target(
        "all four, to the best other mirror",
        1.0,
        _terms(
            [
                f"mirrored-installs/{name}/seconds"
                for name in ("uv-compile", "uv-install", "uv-compile-cold", "uv-install-cold")
            ],
            MIRROR,
            MIRRORS,
        ),
        at_least=False,
    ),
    Target(
        "uv pip compile, cold, from an upstream 20 ms away, to direct",
        1.15,
        _terms(["far-installs/uv-compile-cold/seconds"], ("wheelyard-far",), ("nginx-far",)),
        at_least=False,
    ),
    Target(
        "resolving without core metadata 20 ms away: direct access to the second client",
        5,
        [Term(key_of("bare-installs/uv-compile/second"), ("nginx-far-bare",), ("wheelyard-bare",))],
    ),
    Target(
        "transfers of a large wheel for 100 clients",
        1,
        _terms(["herd/large/transfers"], ("wheelyard-counted",)),
        "requests",
        at_least=False,
    ),
    Target(
        "additional memory for that",
        67,
        _terms(["herd/large/memory"], ("wheelyard-counted",)),
        "MB",
        at_least=False,
    ),
    Target("hot pages and files with policies: CPU, to those without", 1.05, _RULES_CPU, at_least=False),
    Target("downloads with the fetch log: CPU, to those without", 1.01, _LOG_CPU, at_least=False),
    Target("memory after 2,000 projects", 200, _terms(["memory/resident/used"], FOLDER), "MB", at_least=False),
    Target(
        "first visit to a project's page, all that it loads",
        14 * 1024,
        _terms(["people/visit/bytes"], PEOPLE),
        "bytes",
        at_least=False,
    ),
    Target("requests to other sites", 0, _terms(["people/visit/elsewhere"], PEOPLE), "requests", at_least=False),
    Target("the same page, warm, to its simple page", 1.2, _terms(["people/warm/times"], PEOPLE), at_least=False),
    Target("the same by aiohttp", 3, _terms(["people/warm/times"], PEOPLE_AIOHTTP), at_least=False),
    Target("its rate, to the best other page", 10, _terms(["people/warm/rate"], PEOPLE, OTHER_PAGES)),
    Target(
        "first page of a project, 95 % of them", 150, _terms(["people/cold/most"], PEOPLE), "ms", at_least=False
    ),
    Target(
        "simple page while slow READMEs are wanted",
        1.1,
        _terms(["slow-readmes/burning/times"], PEOPLE),
        at_least=False,
    ),
    Target("search in 50,000 projects, to 10,000", 5, _terms(["search/many/times"], PEOPLE), at_least=False),
    Target(
        "search in 10,000 projects, to devpi",
        0.1,
        _terms(["search/two/p50"], PEOPLE, ("devpi-web",)),
        at_least=False,
    ),
)

"""The page of a project or of one of its versions, as a function of facts, and the cache of such pages."""

from collections.abc import Hashable
from typing import NamedTuple

from aiohttp import web

from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import NO_PUBLISHER, MirroredFile
from wheelyard_server.model.offered_file import OfferedFile
from wheelyard_server.names import NormalizedName
from wheelyard_server.readmes.readmes import Readme
from wheelyard_server.web.pages.rendering import OriginPageCache
from wheelyard_server.web.pages.representation import Representation
from wheelyard_server.web.site import words
from wheelyard_server.web.site.described import Described
from wheelyard_server.web.site.install_commands import index_at, installers
from wheelyard_server.web.site.known_projects import source
from wheelyard_server.web.site.releases import Release
from wheelyard_server.web.site.site import Site

CACHED_BYTES = 32 * 1024**2
"""Memory for pages of projects."""
_SERVICES = {
    "GitHub": "GitHub Actions from the repository {} by the workflow {}",
    "GitLab": "GitLab CI from the repository {} by {}",
    "CircleCI": "CircleCI from the project {} by the pipeline {}",
    "Google": "the Google Cloud service account {}",
}
MAX_FINDINGS = 20
"""Findings of an import that the page of a project shows; that of its files has all."""


class PageKey(NamedTuple):
    """Everything that a page depends on, but for the root of the index.

    With an equal key, `render` returns equal pages for the same root, unless a README had no time
    to be rendered: such a page is not kept.
    """

    path: str
    """Its path in the index: links are relative to it."""
    pinned: str
    """The version in the path; "" on the page of the latest one."""
    etag: str
    """ETag of the project's document."""
    revision: str
    """See `ProjectView.revision`."""
    release: Release
    """The version and what verdicts say of it: they change with the basis and the time, without a revision."""
    confirmed: str
    """When the upstream last confirmed a mirrored project; "" for others."""
    has_description: bool
    """Whether the core metadata is here: that of a mirrored file may come later, without a new document."""
    linked: frozenset[NormalizedName]
    """The dependencies that are here and that the visitor may read."""
    visitor: Hashable
    """The principal, whom the head of every page names."""
    log_out: str
    """The token of the form in the head that logs out, see `form_token`; "" without a login."""
    is_managed: bool
    """Whether the visitor may change anything of the project."""
    manages_all: bool
    """Whether the head of the page has the links for managers of the whole index."""
    is_public: bool
    """Whether anonymous may read the project, so that installers need no login."""


class Facts(NamedTuple):
    """All values of a page in addition to its key."""

    project: Project
    described: Described
    publisher: str
    """The attested publisher of the files, see `provenance.publishers`; "" if there is none."""
    readme: Readme | None
    """None if the release has no description."""


PROJECT_PAGES: web.AppKey[OriginPageCache[PageKey]] = web.AppKey("site_project_pages", object)  # type: ignore[arg-type]


def render(site: Site, key: PageKey, facts: Facts, root: str) -> Representation:
    """Return the page for a key and its facts, for the index at `root`. It does nothing else."""
    release, described = key.release, facts.described
    pinned = "" if release.version == release.latest else release.version
    known = {
        **site.shared(root, key.path, lambda _: key.log_out),
        "principal": key.visitor,
        "manages_all": key.manages_all,
        "name": facts.project.name,
        "label": described.label or facts.project.name,
        "release": release,
        "pinned": key.pinned,
        "is_managed": key.is_managed,
        "published": "" if release.published is None else words.day(release.published),
        "source": source(facts.project.owner, key.confirmed),
        "needs_login": not key.is_public,
        "installers": installers(index_at(root, site.index), facts.project.name, pinned),
        "described": described,
        "python": described.requires_python or _requires_python(release.files),
        "linked": key.linked,
        "publisher": in_words(facts.publisher),
        "uploaders": uploaders(release.files),
        "findings": findings(release.files)[:MAX_FINDINGS],
        "readme": facts.readme,
        "has_description": key.has_description,
    }
    return site.rendered("project.html", known)


def in_words(publisher: str) -> str:
    """Return an attested publisher in words; "" if there is none."""
    found = [_one_in_words(each) for each in publisher.split(" and ")]
    return "" if publisher in ("", NO_PUBLISHER) else words.line(" and ".join(found))


def _one_in_words(publisher: str) -> str:
    service, *parts = publisher.split(" ")
    sentence = _SERVICES.get(service, "")
    return sentence.format(*parts) if len(parts) == sentence.count("{}") > 0 else publisher


def uploaders(files: tuple[OfferedFile, ...]) -> tuple[str, ...]:
    """Return the users who uploaded files, in order."""
    return tuple(dict.fromkeys(each.uploader for each in files if isinstance(each, File)))


def findings(files: tuple[OfferedFile, ...]) -> tuple[str, ...]:
    """Return the rules that files break although they were accepted, each sentence once."""
    found = (each.message for file in files if isinstance(file, File) for each in file.findings)
    return tuple(dict.fromkeys(words.line(each) for each in found))


def listed_publisher(files: tuple[OfferedFile, ...]) -> str:
    """Return the publisher of mirrored files, if it is known."""
    found = (each.publisher for each in files if isinstance(each, MirroredFile))
    return next((each for each in found if each not in ("", NO_PUBLISHER)), "")


def _requires_python(files: tuple[OfferedFile, ...]) -> str:
    return next((words.line(each.requires_python) for each in files if each.requires_python), "")

"""Projects of this index whose name an upstream has, too."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from packaging.version import Version

from wheelyard_server.catalog.mirrors.filenames import version_of
from wheelyard_server.names import NormalizedName
from wheelyard_server.upstream import Page, Upstream


class Shadow(NamedTuple):
    """An upstream that has a project of the same name."""

    upstream: str
    version: str
    """Its newest version, pre-releases included; "" if it has no file with one."""


async def shadows(name: NormalizedName, upstreams: Iterable[Upstream]) -> tuple[Shadow, ...]:
    """Ask upstreams for a name, and return those that have it; raise `UpstreamError` if one cannot be asked."""
    pages = [(each.name, await each.page(name)) for each in upstreams]
    return await asyncio.to_thread(_found, pages, name)


def _found(pages: Iterable[tuple[str, object]], name: NormalizedName) -> tuple[Shadow, ...]:
    return tuple(Shadow(upstream, _newest(page, name)) for upstream, page in pages if isinstance(page, Page))


def _newest(page: Page, name: NormalizedName) -> str:
    versions = {version for file in page.files if (version := version_of(file.filename, name))}
    return max(versions, key=Version, default="")

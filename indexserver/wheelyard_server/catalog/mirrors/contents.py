"""The parts that fetch, keep and open the files of upstreams, put together."""

from collections.abc import Callable
from typing import NamedTuple

from wheelyard_server.catalog.contents.cache import FileCache
from wheelyard_server.catalog.contents.content import Contents
from wheelyard_server.catalog.contents.fill import Fills
from wheelyard_server.catalog.contents.scratch_rooms import ScratchRooms
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.catalog.counts import Counts
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.mirrors.budget import MirrorBudget
from wheelyard_server.catalog.mirrors.downloads import Downloads, Origins, Place
from wheelyard_server.catalog.mirrors.listed_file import ListedFile
from wheelyard_server.catalog.mirrors.sources import ConfiguredUpstream
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.scratch_budget import ScratchBudget
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.clock import WallClock
from wheelyard_server.storage import Storage


class Space(NamedTuple):
    """The space for files of upstreams."""

    scratch: Scratch
    budget: ScratchBudget
    file_bytes: int
    """Maximum size of a file."""
    mirrored_bytes: int | None = None
    """Maximum size of all files that are kept; None is unlimited."""


class Parts(NamedTuple):
    """The parts of the catalog that mirrored files share."""

    storage: Storage
    documents: Documents
    writes: WriteGate
    contents: Contents
    cache: FileCache | None
    verified: VerifiedFiles
    """Verified files of a storage folder."""
    counts: Counts
    now: WallClock
    archive: ArchiveLimits


def downloads(
    parts: Parts,
    configured: tuple[ConfiguredUpstream, ...],
    space: Space,
    on_missing: Callable[[ListedFile], None],
) -> Downloads:
    """Return the downloads of these upstreams. `on_missing` is called if one of them lacks a file that it lists."""
    rooms = ScratchRooms(space.scratch, space.budget, parts.verified)
    fills = Fills([*([parts.cache.room] if parts.cache else []), rooms.room])
    budget = MirrorBudget(parts.storage, space.mirrored_bytes, parts.now)
    place = Place(parts.storage, parts.documents, parts.writes, parts.contents, fills, budget)
    upstreams = {each.upstream.name: each.upstream for each in configured}
    return Downloads(place, Origins(upstreams, space.file_bytes, parts.archive, on_missing), parts.counts)

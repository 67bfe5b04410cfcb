"""An upstream over HTTP: what it is asked for, and what the answers mean."""

from wheelyard_server.clock import MonotonicClock, WallClock
from wheelyard_server.errors import UpstreamUnavailableError
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings.upstreams import UpstreamSettings
from wheelyard_server.upstream import WHOLE, Absent, FileStream, Health, Page, Unchanged, WantedPart
from wheelyard_server.upstream.allowed_hosts import AllowedHosts
from wheelyard_server.upstream.connections import Connections
from wheelyard_server.upstream.file_requests import FileRequests
from wheelyard_server.upstream.guards import Guard
from wheelyard_server.upstream.health import HealthRecord
from wheelyard_server.upstream.page_requests import PageRequests
from wheelyard_server.upstream.proxies import Proxies
from wheelyard_server.upstream.requester import Requester
from wheelyard_server.upstream.targets import Targets

_OFFLINE_SECONDS = 60


class HttpUpstream:
    """See `Upstream`. It is made without an event loop, and used in one."""

    def __init__(
        self,
        settings: UpstreamSettings,
        allowed: AllowedHosts,
        proxies: Proxies,
        clock: MonotonicClock,
        wall_clock: WallClock,
    ) -> None:
        self.name = settings.name
        self._is_offline = settings.offline
        self._connections = Connections(allowed)
        self._health = HealthRecord(settings.name, wall_clock)
        targets = Targets(settings, allowed, proxies)
        requester = Requester(
            self._connections,
            targets,
            wall_clock,
            authorities=settings.ca_bundle,
            credentials_folder=settings.credentials_folder,
        )
        guard = Guard(settings.name, self._health, clock)
        self.url = str(targets.url)
        self._pages = PageRequests(settings.name, targets, requester, guard, settings.absent_on)
        self._files = FileRequests(settings.name, targets, requester, guard)

    async def page(self, project: NormalizedName, etag: str = "") -> Page | Unchanged | Absent:
        """See `Upstream.page`."""
        self._check_online()
        return await self._pages.get(project, etag)

    async def open(
        self, url: str, part: WantedPart = WHOLE, *, is_retry: bool = False, is_verified: bool = False
    ) -> FileStream:
        """See `Upstream.open`."""
        self._check_online()
        return await self._files.open(url, part, is_retry=is_retry, is_verified=is_verified)

    async def read(self, url: str, max_bytes: int) -> bytes:
        """See `Upstream.read`."""
        self._check_online()
        return await self._files.read(url, max_bytes)

    def health(self) -> Health:
        """See `Upstream.health`."""
        return self._health.health

    async def close(self) -> None:
        """See `Upstream.close`."""
        await self._connections.close()

    def _check_online(self) -> None:
        if self._is_offline:
            raise UpstreamUnavailableError(self.name, "is set to `offline`", _OFFLINE_SECONDS)

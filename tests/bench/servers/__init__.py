"""The servers that are compared, each with the best settings that its documents mention.

`base` says what a server is; every other module has one product. Servers that cannot be installed
stay in the report, with the reason.
"""

from collections.abc import Sequence

from bench.servers import far, gates, mirrors, pages
from bench.servers.base import Server
from bench.servers.devpi import Devpi
from bench.servers.nginx import Nginx
from bench.servers.proxpi import Proxpi
from bench.servers.pypiron import Pypiron
from bench.servers.pypiserver import Pypiserver
from bench.servers.simple_repository import SimpleRepository
from bench.servers.wheelyard import VARIANTS

ALL: Sequence[Server] = (
    Nginx(),
    *VARIANTS,
    Pypiron(),
    Pypiron(on_s3=True),
    Pypiserver(),
    Devpi(),
    Proxpi(),
    SimpleRepository(),
    *mirrors.ALL,
    *far.ALL,
    *gates.ALL,
    *pages.ALL,
)
BY_NAME = {server.name: server for server in ALL}

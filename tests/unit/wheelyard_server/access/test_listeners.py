"""Which listener a connection came to."""

import pytest

from wheelyard_server.access.listeners import ListenerPorts
from wheelyard_server.settings import Listener


@pytest.mark.parametrize(
    ("external_port", "socket", "listener"),
    [
        (None, ("10.0.0.1", 8080), Listener.CLUSTER),
        (None, None, Listener.CLUSTER),
        (8081, ("10.0.0.1", 8080), Listener.CLUSTER),
        (8081, ("10.0.0.1", 8081), Listener.EXTERNAL),
        (8081, ("fd00::1", 8081, 0, 0), Listener.EXTERNAL),
        # The client has gone: its anonymous requests have the rights of the external listener.
        (8081, None, Listener.EXTERNAL),
    ],
)
def test_the_local_port_decides(
    external_port: int | None, socket: tuple[str | int, ...] | None, listener: Listener
) -> None:
    assert ListenerPorts(external_port).listener_of(socket) is listener

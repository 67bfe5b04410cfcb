"""Which listener a connection came to: only its socket decides."""

from typing import Any

from wheelyard_server.settings import Listener


class ListenerPorts:
    """Distinguishes the listeners by their ports."""

    def __init__(self, external_port: int | None) -> None:
        """Take the external listener's port; without one, every connection came to the cluster listener."""
        self._external_port = external_port

    def listener_of(self, socket: tuple[Any, ...] | None) -> Listener:
        """Return the listener of a connection, by the local address of its socket.

        The socket of a client that has gone is None. Its rights are then those of the external
        listener, where anonymous may do nothing that is not granted there.
        """
        if self._external_port is None or (socket is not None and socket[1] != self._external_port):
            return Listener.CLUSTER
        return Listener.EXTERNAL

"""The sender of a request, as the fetch log has it."""

from wheelyard_server.access.rules import Principal
from wheelyard_server.catalog.fetches.rows import Login


def login_of(principal: Principal) -> Login:
    """Return a principal's login, in plain strings: the hash of a member of an enumeration is slow."""
    return Login(principal.name or "", str(principal.method.value), principal.workload)

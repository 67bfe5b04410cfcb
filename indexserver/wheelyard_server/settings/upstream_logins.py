"""The logins of upstreams that `wheelyard serve` finds: in variables of their own, or in the netrc file.

None is in an argument: all users of a machine can see those.
"""

import netrc
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.upstreams import UpstreamSettings

PREFIX = "WHEELYARD_UPSTREAM_"


@dataclass(frozen=True, slots=True)
class UpstreamLogin:
    """A login, as the files of a credentials folder; see `UpstreamSettings`."""

    source: str
    """The variable or the file that has it, for people."""
    files: Mapping[str, str] = field(repr=False)


def find_logins(upstreams: Iterable[UpstreamSettings], environment: Mapping[str, str]) -> dict[str, UpstreamLogin]:
    """Return the logins that there are, by the names of their upstreams; raise `InvalidSettingsError`.

    PyPI takes none: one for uploads to it is not sent to it.
    """
    wanted = [each for each in upstreams if each.url]
    found = ((each.name, _in_variables(each.name, environment) or _in_netrc(each, environment)) for each in wanted)
    return {name: login for name, login in found if login is not None}


def _in_variables(name: str, environment: Mapping[str, str]) -> UpstreamLogin | None:
    prefix = f"{PREFIX}{name.upper().replace('-', '_')}_"
    username, password, token = (environment.get(prefix + each, "") for each in ("USERNAME", "PASSWORD", "TOKEN"))
    if token and not (username or password):
        return UpstreamLogin(f"{prefix}TOKEN", {"token": token})
    if username and password and not token:
        return UpstreamLogin(f"{prefix}PASSWORD", {"username": username, "password": password})
    if username or password or token:
        raise InvalidSettingsError(f"Set {prefix}USERNAME and {prefix}PASSWORD, or {prefix}TOKEN")
    return None


def _in_netrc(upstream: UpstreamSettings, environment: Mapping[str, str]) -> UpstreamLogin | None:
    """Return the login for the host, as pip and uv do; but never the one for any host, and none in plain text."""
    url, given = urlsplit(upstream.url), environment.get("NETRC", "")
    if not _is_private(url):
        return None
    path = Path(given) if given else Path.home() / ".netrc"
    try:
        # Python checks the permissions only of the file that it finds itself.
        found = netrc.netrc(given or None).hosts.get(url.hostname or "")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, netrc.NetrcParseError) as error:
        # The text of the error may quote a password.
        raise InvalidSettingsError(
            f"{path} cannot be read ({type(error).__name__}): mend it, let only its owner read it, or set"
            f" NETRC={os.devnull}"
        ) from None
    return UpstreamLogin(str(path), {"username": found[0], "password": found[2]}) if found and found[2] else None


def _is_private(url: SplitResult) -> bool:
    """Return whether no one else can read what is sent."""
    if url.scheme == "https" or url.hostname == "localhost":
        return True
    try:
        return ip_address(url.hostname or "").is_loopback
    except ValueError:
        return False

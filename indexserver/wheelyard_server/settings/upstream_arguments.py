"""The settings of upstreams that `wheelyard serve` takes from its command line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.upstreams import PYPI, Egress, Names, UpstreamSettings

_PRIVATE = re.compile(r"[a-z0-9*](?:[a-z0-9*-]*[a-z0-9*])?")
"""A glob that can match a normalized name."""
_HTTPS_PORT, _HTTP_PORT = 443, 80


@dataclass(frozen=True, slots=True)
class OtherIndexes:
    """The other indexes of a server. No host is allowed but theirs."""

    upstreams: tuple[UpstreamSettings, ...] = ()
    names: Names = field(default_factory=Names)
    egress: Egress = field(default_factory=lambda: Egress(allowed_hosts=()))

    @classmethod
    def parse(cls, upstreams: Sequence[str], private: Sequence[str]) -> "OtherIndexes":
        """Take them from the arguments `pypi` or `NAME=URL`, and from globs on names that stay private.

        Raises `InvalidSettingsError`.
        """
        found = tuple(map(_upstream, upstreams))
        if len({each.name for each in found}) < len(found):
            raise InvalidSettingsError("Each --upstream must have a name of its own")
        return cls(found, _names(private), Egress(allowed_hosts=tuple(map(_host, found)), private_addresses=True))

    def instructions(self) -> Sequence[str]:
        """Return lines that say where projects come from."""
        if not self.upstreams:
            return ()
        names = ", then ".join(each.name for each in self.upstreams)
        private = ", ".join(self.names.private)
        return (
            "",
            f"Projects that are not published here come from {names}.",
            f"Private names, which no upstream is asked for: {private}"
            if private
            else "No name is private: with --private 'acme-*', names that begin with acme- stay here.",
        )


def _upstream(argument: str) -> UpstreamSettings:
    name, _, url = argument.partition("=")
    described = {"name": name, "pypi": {}} if argument == PYPI else {"name": name, "url": url}
    try:
        # Converted, not called: only that checks the patterns.
        return msgspec.convert(described, UpstreamSettings)
    except msgspec.ValidationError as error:
        raise InvalidSettingsError(
            f"--upstream must be {PYPI} or NAME=URL, such as"
            f" team=https://packages.example.com/simple/, not {argument!r}: {error}"
        ) from None


def _names(private: Sequence[str]) -> Names:
    for glob in private:
        if not _PRIVATE.fullmatch(glob):
            raise InvalidSettingsError(
                "--private must be a glob on normalized names (lower case, with dashes), such as acme-*,"
                f" not {glob!r}"
            )
    try:
        return msgspec.convert({"private": private}, Names)
    except msgspec.ValidationError as error:
        raise InvalidSettingsError(f"--private: {error}") from None


def _host(upstream: UpstreamSettings) -> str:
    """Return the server of an upstream as `host` or, if it is not the port of HTTPS, as `host:port`."""
    if upstream.pypi is not None:
        return PYPI
    url = urlsplit(upstream.url)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    port = url.port or (_HTTPS_PORT if url.scheme == "https" else _HTTP_PORT)
    return host if port == _HTTPS_PORT else f"{host}:{port}"

"""The settings of upstreams that `wheelyard serve` takes from its command line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.advisories import NO_FEED, AdvisorySettings, host_of, parse_feed
from wheelyard_server.settings.policy import Cooldown
from wheelyard_server.settings.upstream_logins import PREFIX, UpstreamLogin, find_logins
from wheelyard_server.settings.upstreams import (
    HOST,
    OSV,
    PYPI,
    UPSTREAM_NAME,
    Egress,
    Names,
    PyPI,
    UpstreamSettings,
)

_PRIVATE = re.compile(r"[a-z0-9*](?:[a-z0-9*-]*[a-z0-9*])?")
"""A glob that can match a normalized name."""
_HTTPS_PORT, _HTTP_PORT = 443, 80


@dataclass(frozen=True, slots=True)
class OtherIndexes:
    """The other indexes of a server. No host is allowed but theirs."""

    upstreams: tuple[UpstreamSettings, ...] = ()
    names: Names = field(default_factory=Names)
    egress: Egress = field(default_factory=lambda: Egress(allowed_hosts=()))
    logins: Mapping[str, UpstreamLogin] = field(default_factory=dict)
    """By the names of their upstreams."""
    advisories: AdvisorySettings | None = None
    policy_file: Path | None = None
    """Rules for files; None: the default ones if there are upstreams."""

    @classmethod
    def parse(
        cls,
        upstreams: Sequence[str],
        private: Sequence[str],
        file_hosts: Sequence[str] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
        feed: str | None = None,
    ) -> "OtherIndexes":
        """Take them from the arguments `pypi` or `NAME=URL`, and from globs on names that stay private.

        `file_hosts` are the hosts of the files of all upstreams with a URL. Logins are in the
        `environment`, or in the netrc file. `feed` is that of advisories; None is OSV if there are
        upstreams. Raises `InvalidSettingsError`.
        """
        found = tuple(_upstream(each, file_hosts) for each in upstreams)
        if len({each.name for each in found}) < len(found):
            raise InvalidSettingsError("Each --upstream must have a name of its own")
        if file_hosts and all(each.pypi for each in found):
            raise InvalidSettingsError("--file-host goes with an --upstream NAME=URL")
        advisories = parse_feed(feed or (OSV if found else NO_FEED))
        feed_host = host_of(advisories) if advisories else ""
        hosts = (*map(_host, found), *file_hosts, *([feed_host] if feed_host else ()))
        egress = Egress(allowed_hosts=hosts, private_addresses=True)
        return cls(found, _names(private), egress, find_logins(found, environment), advisories)

    def instructions(self) -> Sequence[str]:
        """Return lines that say where projects come from, and which rules hold for their files."""
        return (*self._about_upstreams(), *self._about_policy())

    def _about_policy(self) -> Sequence[str]:
        if self.policy_file is not None:
            return (f"The rules for files are in {self.policy_file}: a change is in force at once.",)
        if not self.upstreams:
            return ()
        rules = f"Files of upstreams wait until they are {Cooldown().age} old, and malware is refused"
        return (
            f"{rules}; --policy FILE changes that.",
            "If a version is missing, ask: wheelyard why PROJECT==VERSION",
        )

    def _about_upstreams(self) -> Sequence[str]:
        if not self.upstreams:
            return ()
        names = ", then ".join(each.name for each in self.upstreams)
        private = ", ".join(self.names.private)
        return (
            "",
            f"Projects that are not published here come from {names}.",
            *(f"The login of {name} is that in {login.source}." for name, login in self.logins.items()),
            f"Private names, which no upstream is asked for: {private}"
            if private
            else "No name is private: with --private 'acme-*', names that begin with acme- stay here.",
            self._about_advisories(),
        )

    def _about_advisories(self) -> str:
        feed = self.advisories
        if feed is None:
            return "There is no feed of advisories, so malware is not refused."
        source = "OSV" if feed.osv is not None else feed.url or feed.file
        return f"Advisories about malware come from {source}. Until they are here, malware is not refused."


def _upstream(argument: str, file_hosts: Sequence[str]) -> UpstreamSettings:
    if argument == PYPI:
        return UpstreamSettings(name=PYPI, pypi=PyPI())
    name, _, url = argument.partition("=")
    if "@" in url.partition("//")[2].partition("/")[0]:
        # The URL is not quoted: it has a password.
        raise InvalidSettingsError(
            f"All users of this machine can see a login in --upstream {name}=URL: put it into the netrc file, or"
            f" into the variables {PREFIX}{name.upper().replace('-', '_')}_USERNAME and _PASSWORD, or _TOKEN"
        )
    described = {"name": _checked_name(argument, name), "url": url}
    return _converted({**described, "fileHosts": _checked_hosts(file_hosts)}, argument)


def _checked_name(argument: str, name: str) -> str:
    if "=" not in argument or not re.fullmatch(UPSTREAM_NAME, name):
        raise _bad_upstream(argument, "NAME consists of a-z, 0-9 and '-'")
    return name


def _checked_hosts(file_hosts: Sequence[str]) -> Sequence[str]:
    for host in file_hosts:
        if not re.fullmatch(HOST, host):
            raise InvalidSettingsError(
                f"--file-host must be a host such as files.example.com or files.example.com:8443, not {host!r}"
            )
    return file_hosts


def _converted(described: Mapping[str, object], argument: str) -> UpstreamSettings:
    try:
        # Converted, not called: only that checks the patterns.
        return msgspec.convert(described, UpstreamSettings)
    except msgspec.ValidationError:
        raise _bad_upstream(
            argument, "URL begins with https:// or http:// and has no login, query or fragment"
        ) from None


def _bad_upstream(argument: str, reason: str) -> InvalidSettingsError:
    return InvalidSettingsError(
        f"--upstream must be {PYPI} or NAME=URL, such as team=https://packages.example.com/simple/,"
        f" not {argument!r}: {reason}"
    )


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

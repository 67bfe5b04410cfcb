"""`wheelyard serve`."""

import argparse
import asyncio
import os
from dataclasses import replace
from pathlib import Path

from wheelyard_server import serving, settings, standalone
from wheelyard_server.commands import Subparsers, processes
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.policy import parse_policy
from wheelyard_server.settings.upstream_arguments import OtherIndexes
from wheelyard_server.web.telemetry import logs

_DESCRIPTION = (
    "Without --config, anyone may read, and the user admin may do everything."
    " The admin token is created at the first start."
)


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    serve = commands.add_parser("serve", help="serve an index", description=_DESCRIPTION)
    serve.add_argument("--config", type=Path, metavar="FILE", help="read all settings from an index.yaml")
    serve.add_argument(
        "--storage",
        default=standalone.DEFAULT_STORAGE,
        metavar="file:DIR|s3://BUCKET/PREFIX",
        help="where to store the packages (default: %(default)s)",
    )
    serve.add_argument(
        "--listen",
        default=standalone.DEFAULT_LISTEN,
        metavar="HOST:PORT",
        help="where to accept connections (default: %(default)s)",
    )
    serve.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="number of processes at the same address; only without --config (default: %(default)s)",
    )
    serve.add_argument(
        "--upstream",
        dest="upstreams",
        action="append",
        default=[],
        metavar="pypi|NAME=URL",
        help="also serve the projects of another index, by the URL of its simple API; of several, the first that"
        " has a project counts. Its login is in the netrc file, or in the variables"
        " WHEELYARD_UPSTREAM_NAME_USERNAME and _PASSWORD, or _TOKEN; only without --config",
    )
    serve.add_argument(
        "--private",
        action="append",
        default=[],
        metavar="GLOB",
        help="never ask an upstream for names such as acme-*; only without --config",
    )
    serve.add_argument(
        "--file-host",
        dest="file_hosts",
        action="append",
        default=[],
        metavar="HOST",
        help="also fetch files of upstreams from this host, if their pages list files there; only without --config",
    )
    serve.add_argument(
        "--advisories",
        metavar="osv|URL|FILE|none",
        help="where advisories about malware and vulnerabilities come from, in OSV's format: OSV itself, a mirror"
        " of it, or a zip archive (default: osv with --upstream, else none); only without --config",
    )
    serve.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="rules for files, in the form of docs/policy.md, read again when they change (default: with"
        " --upstream, files wait for 7 days and malware is refused; else no rules); only without --config",
    )
    serve.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    each = processes.shares(_settings(arguments))
    if len(each) > 1:
        return processes.run(_serve, each)
    _serve(each[0])
    return 0


def _serve(read: settings.Settings) -> None:
    handler = logs.set_up(read.logs.format)
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(serving.serve(read, handler))


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop: uvloop's if it is installed, which answers about twice as many requests."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _settings(arguments: argparse.Namespace) -> settings.Settings:
    if arguments.config is not None:
        given = (arguments.upstreams, arguments.private, arguments.file_hosts, arguments.advisories)
        if any((*given, arguments.policy)):
            raise InvalidSettingsError(
                "--upstream, --private, --file-host, --advisories and --policy go without --config: index.yaml has"
                " `upstreams`, `advisories` and `policyFile`"
            )
        return settings.parse(arguments.config.read_bytes())
    token = os.environ.get("WHEELYARD_ADMIN_TOKEN")
    others = OtherIndexes.parse(
        arguments.upstreams, arguments.private, arguments.file_hosts, os.environ, arguments.advisories
    )
    if arguments.policy is not None:
        parse_policy(arguments.policy.read_bytes())  # One process says what is wrong, before others start.
        others = replace(others, policy_file=arguments.policy.absolute())
    laptop = standalone.prepare(arguments.storage, arguments.listen, token, max(1, arguments.processes), others)
    print(laptop.instructions, flush=True)  # noqa: T201 - the command's output
    return laptop.settings

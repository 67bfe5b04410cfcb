"""`wheelyard serve`."""

import argparse
import asyncio
import os
from pathlib import Path

from wheelyard_server import app, settings, standalone
from wheelyard_server.commands import Subparsers
from wheelyard_server.web import logs

_DESCRIPTION = (
    "Without --config: anybody may read, and the user admin, who is made at the first start, may do everything."
)


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    serve = commands.add_parser("serve", help="serve an index", description=_DESCRIPTION)
    serve.add_argument("--config", type=Path, metavar="FILE", help="all settings from an index.yaml")
    serve.add_argument(
        "--storage",
        default=standalone.DEFAULT_STORAGE,
        metavar="file:DIR|s3://BUCKET/PREFIX",
        help="where the packages are kept (default: %(default)s)",
    )
    serve.add_argument(
        "--listen",
        default=standalone.DEFAULT_LISTEN,
        metavar="HOST:PORT",
        help="where to accept connections (default: %(default)s)",
    )
    serve.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    read = _settings(arguments)
    logs.set_up(read.logs.format)
    asyncio.run(app.serve(read))
    return 0


def _settings(arguments: argparse.Namespace) -> settings.Settings:
    if arguments.config is not None:
        return settings.parse(arguments.config.read_bytes())
    prepared = standalone.prepare(arguments.storage, arguments.listen, os.environ.get("WHEELYARD_ADMIN_TOKEN"))
    print(prepared.instructions, flush=True)  # noqa: T201 - this is the command's output
    return prepared.settings

"""The command line `wheelyard`."""

import argparse
import asyncio
import logging
import os
import sys
from importlib.metadata import version
from pathlib import Path

from wheelyard_server import app, settings, standalone
from wheelyard_server.errors import WheelyardError

SERVE_DESCRIPTION = (
    "Without --config: anybody may read, and the user admin, who is made at the first start, may do everything."
)


def main() -> None:
    """Run the command; exits with 1 and one line that says what to do when that fails."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(app.serve(_settings(arguments)))
    except (WheelyardError, OSError) as error:
        sys.exit(f"wheelyard: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wheelyard", description="A private Python package index.")
    parser.add_argument("--version", action="version", version=f"wheelyard {version('wheelyard')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve an index", description=SERVE_DESCRIPTION)
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
    return parser


def _settings(arguments: argparse.Namespace) -> settings.Settings:
    if arguments.config is not None:
        return settings.parse(arguments.config.read_bytes())
    prepared = standalone.prepare(arguments.storage, arguments.listen, os.environ.get("WHEELYARD_ADMIN_TOKEN"))
    print(prepared.instructions, flush=True)  # noqa: T201 - this is the command's output
    return prepared.settings


if __name__ == "__main__":
    main()

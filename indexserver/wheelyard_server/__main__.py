"""The command line `wheelyard`."""

import argparse
import logging
import sys
from importlib.metadata import version

from wheelyard_server.commands import maintain, manage, serve
from wheelyard_server.errors import WheelyardError

COMMANDS = (serve, maintain, manage)


def main() -> None:
    """Run the command; exits with 1 and one line that says what to do when that fails, with 2 on wrong usage."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        sys.exit(arguments.run(arguments))
    except (WheelyardError, OSError) as error:
        sys.exit(f"wheelyard: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wheelyard", description="A private Python package index.")
    parser.add_argument("--version", action="version", version=f"wheelyard {version('wheelyard')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for each in COMMANDS:
        each.add_to(commands)
    return parser


if __name__ == "__main__":
    main()

"""The command line `wheelyard`."""

import argparse
import atexit
import os
import sys
from importlib.metadata import version

from wheelyard_server.commands import (
    advisories,
    fetches,
    import_users,
    maintain,
    manage,
    policies,
    quarantine,
    serve,
    vulnerabilities,
    why,
)
from wheelyard_server.errors import WheelyardError
from wheelyard_server.settings import LogFormat
from wheelyard_server.web.telemetry import logs

COMMANDS = (serve, maintain, manage, advisories, fetches, policies, vulnerabilities, quarantine, why, import_users)

ENDED_BY_READER = 128 + 13
"""The exit code of commands whose reader went away, as shells show SIGPIPE."""


def main() -> None:
    """Run the command. If it fails, exit with 1 and one line that says what to do; on wrong usage, with 2."""
    arguments = _parser().parse_args()
    logs.set_up(LogFormat.TEXT)
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has enough. The last flush must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ENDED_BY_READER
    except (WheelyardError, OSError) as error:
        print(f"wheelyard: {_reason(error)}", file=sys.stderr)  # noqa: T201 - the reason
        code = 1
    _end(code)


def _reason(error: WheelyardError | OSError) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _end(code: int) -> None:
    """End the process without finalizing the interpreter.

    The threads of obstore's runtime run until the process ends. A thread that needs the interpreter
    after its finalization aborts the process
    (https://github.com/PyO3/pyo3-async-runtimes/issues/40).
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - the interpreter itself would call it here
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wheelyard", description="A private Python package index.")
    parser.add_argument("--version", action="version", version=f"wheelyard {version('wheelyard')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for each in COMMANDS:
        each.add_to(commands)
    return parser


if __name__ == "__main__":
    main()

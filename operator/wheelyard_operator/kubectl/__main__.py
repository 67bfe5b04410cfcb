"""The program `kubectl-wheelyard`, which kubectl runs for `kubectl wheelyard`."""

import os
import sys

try:
    from wheelyard_operator.kubectl.commands import run
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] != "kubernetes":
        raise
    sys.exit(
        "kubectl wheelyard needs the Kubernetes client. In a checkout, install it with: pip install '.[kubectl]'"
    )


def main() -> None:
    """Run the command, and exit with its code: 1 after an error, 2 after wrong usage."""
    try:
        code = run(sys.argv[1:], sys.stdout, sys.stderr, os.environ)
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does: nothing more may be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code)


if __name__ == "__main__":
    main()

"""The command line: `python -m cluster --help` explains."""

import argparse
import shlex
import subprocess
import sys

from . import tools
from .kinds import ClusterKind, chosen
from .progress import ClusterError, say

_COMMANDS = {
    "build": "get everything that takes long (the first time about 5 minutes)",
    "tools": "build what only some tests need (the first time about 10 minutes)",
    "up": "bring up Kubernetes and S3, or repair what has died",
    "down": "take everything down; only the build cache stays",
    "s3": "bring up S3 and IAM alone",
    "images": "build this working tree's images and import them",
    "status": "tell what runs",
    "env": 'print settings for a shell: eval "$(python -m cluster env)"',
    "check-clean": "fail if anything of a cluster is on this machine",
}


def main() -> int:
    """Run the command and return the exit status; an error is one sentence."""
    parser = argparse.ArgumentParser(prog="python -m cluster", formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in _COMMANDS.items():
        commands.add_parser(name, help=text)
    try:
        return _run(parser.parse_args().command, chosen())
    except ClusterError as error:
        say(f"error: {error}")
    except subprocess.CalledProcessError as error:
        say(f"error: {shlex.join(map(str, error.cmd))} failed: {error.stderr or ''}")
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
    return 1


def _run(command: str, cluster: ClusterKind) -> int:
    match command:
        case "status":
            return _show(*(f"{name}: {'runs' if up else 'has died'}" for name, up in cluster.status().items()))
        case "env":
            environment = cluster.connect(with_images=False).environment()
            return _show(*(f"export {name}={shlex.quote(value)}" for name, value in environment.items()))
        case "check-clean":
            found = cluster.leftovers()
            _show(*found)
            return 1 if found else 0
    actions = {"build": cluster.build, "up": cluster.up, "down": cluster.down}
    actions |= {"s3": cluster.up_s3, "images": cluster.load_images, "tools": tools.build_all}
    actions[command]()
    return 0


def _show(*lines: str) -> int:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())

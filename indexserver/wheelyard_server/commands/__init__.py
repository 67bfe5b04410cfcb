"""The commands of `wheelyard`, one module per group.

Each module has `add_to(commands)`, which adds its commands to the parser. It sets `run` for each: a
function of the parsed arguments that returns the exit code.
"""

import argparse
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name

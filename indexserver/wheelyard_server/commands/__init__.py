"""The commands of `wheelyard`, one module per group.

Each module has `add_to(commands)`, which adds its commands to the parser. It sets `run` for each: a
function of the parsed arguments that returns the exit code.
"""

import argparse
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name


def sentence(purpose: str) -> str:
    """Return the purpose of a command as a sentence, for the head of its help."""
    return f"{purpose[0].upper()}{purpose[1:]}."

"""The help of every command of `wheelyard`."""

import argparse

from wheelyard_server.__main__ import COMMANDS
from wheelyard_server.commands import sentence


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of all commands."""
    added = argparse.ArgumentParser().add_subparsers()
    for each in COMMANDS:
        each.add_to(added)
    return dict(added.choices)


def test_a_sentence_keeps_the_case_of_names() -> None:
    assert sentence("set the PackageIndex that owns a storage") == "Set the PackageIndex that owns a storage."


def test_the_help_of_every_command_begins_with_a_sentence() -> None:
    unclear = {
        name
        for name, parser in commands().items()
        if not (parser.description or "")[:1].isupper() or not (parser.description or "").endswith(".")
    }
    assert unclear == set()

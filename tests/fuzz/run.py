"""Fuzz one target in this process: `python -m fuzz.run MODULE TARGET`, then libFuzzer's own options."""

import importlib
import sys

import atheris

from fuzz.target import Target


def main(module: str, name: str, options: list[str]) -> None:
    """Fuzz until libFuzzer ends the process, with status 0 unless it found something."""
    with atheris.instrument_imports(include=["wheelyard_server"]):
        target: Target = importlib.import_module(f"fuzz.{module}").TARGETS[name]
    atheris.Setup([sys.argv[0], *options], target.feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])

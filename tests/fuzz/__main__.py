"""Fuzz all targets, or those named: `python -m fuzz SECONDS [TARGET...]`. Ends with the first finding."""

import importlib
import subprocess
import sys
from pathlib import Path

from cluster.paths import cache
from fuzz.target import Target

_MODULES = ("archives",)
_SECONDS_EACH_INPUT = 5
_MEMORY_MIB = 512


def main(seconds: int, wanted: list[str]) -> int:
    """Share the time among the targets; return the exit status."""
    found = {
        name: (module, target)
        for module in _MODULES
        for name, target in importlib.import_module(f"fuzz.{module}").TARGETS.items()
        if not wanted or name in wanted
    }
    for name, (module, target) in found.items():
        if not _fuzz(module, name, target, max(1, seconds // len(found))):
            sys.stdout.write(f"{name}: failed, see above; an input that does it is kept in {_folder(name)}\n")
            return 1
        sys.stdout.write(f"{name}: nothing found\n")
    return 0


def _fuzz(module: str, name: str, target: Target, seconds: int) -> bool:
    """Return whether nothing was found. Inputs that reach new code are kept for the next run."""
    corpus = _folder(name) / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={_SECONDS_EACH_INPUT}",
        f"-rss_limit_mb={_MEMORY_MIB}",
        f"-artifact_prefix={_folder(name)}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    command = [sys.executable, "-m", "fuzz.run", module, name, *options, str(corpus)]
    return subprocess.run(command, check=False).returncode == 0


def _folder(name: str) -> Path:
    return cache() / "fuzz" / name


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))

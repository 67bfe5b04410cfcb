"""Running what the documents say to type, as somebody with a shell does."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

COMMAND_SECONDS = 240


@dataclass
class Console:
    """A shell in a folder; what its commands leave running ends with `close`."""

    folder: Path
    environment: Mapping[str, str]
    _groups: list[int] = field(default_factory=list)

    def run(self, *commands: str) -> str:
        """Run the commands of one block; return what they print. The first one that fails is an AssertionError."""
        log = self.folder / f".console-{len(self._groups)}"
        with log.open("w") as output:
            shell = subprocess.Popen(
                ["bash", "-euxo", "pipefail", "-c", "\n".join(commands)],
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._groups.append(shell.pid)
        code = shell.wait(COMMAND_SECONDS)
        assert code == 0, log.read_text()
        return log.read_text()

    def close(self) -> None:
        """End what still runs."""
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)


def helm_without_cluster(command: str) -> str:
    """Return helm's command; instead of an install or upgrade, what renders the same chart with the same values."""
    if not command.startswith("helm "):
        return command
    command = re.sub(r"^helm (upgrade --install|upgrade|install) ", "helm template ", command)
    return re.sub(r" --(wait|reset-then-reuse-values)\b", "", command)


def in_background(command: str, url: str) -> str:
    """Return a command that goes on while the next ones run, once something answers at the URL."""
    answers = f"curl --silent --output /dev/null --max-time 2 {shlex.quote(url)}"
    return f"{command} &\nfor attempt in $(seq 100); do {answers} && break; sleep 0.1; done; {answers}"

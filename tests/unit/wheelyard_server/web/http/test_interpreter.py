import os
import subprocess
import sys
from pathlib import Path

import pytest

from wheelyard_server.web.http.interpreter import require_safe_interpreter


def test_the_python_of_the_tests_is_safe() -> None:
    require_safe_interpreter()


@pytest.mark.parametrize(
    ("options", "variables", "advice"),
    [
        (["-O"], {}, "without -O"),
        ([], {"PYTHONOPTIMIZE": "2"}, "PYTHONOPTIMIZE"),
        ([], {"AIOHTTP_NO_EXTENSIONS": "1"}, "unset AIOHTTP_NO_EXTENSIONS"),
    ],
)
def test_the_server_does_not_start_on_another_and_says_what_to_do(
    tmp_path: Path, options: list[str], variables: dict[str, str], advice: str
) -> None:
    storage = ["--storage", f"file:{tmp_path}/data"]
    command = [sys.executable, *options, "-m", "wheelyard_server", "serve", "--listen", "127.0.0.1:0", *storage]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("wheelyard: ")
    assert advice in done.stderr

"""A program that is installed without the packages of its extra says which command installs them."""

import subprocess
import sys

import pytest

WITHOUT = "import runpy, sys; sys.modules[sys.argv[1]] = None; runpy.run_module(sys.argv[2], run_name='__main__')"


@pytest.mark.parametrize(
    ("missing", "program", "extra"),
    [
        ("kopf", "wheelyard_operator", "operator"),
        ("boto3", "wheelyard_operator", "operator"),
        ("kubernetes", "wheelyard_operator", "operator"),
        ("kubernetes", "wheelyard_operator.kubectl", "kubectl"),
    ],
)
def test_a_program_without_its_extra_names_it_in_one_line(missing: str, program: str, extra: str) -> None:
    command = [sys.executable, "-c", WITHOUT, missing, program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    assert f"pip install '.[{extra}]'" in line
    assert done.returncode == 1

"""Publish and install with the real clients, as their users run them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import distributions
from support.access import NOBODY, PUBLISHER, READER
from support.server import Server

BIN = Path(sys.executable).parent


def run(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a client with nothing in its environment that could come from this machine's settings."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def succeed(*command: object, cwd: Path, **environment: str) -> str:
    done = run(*command, cwd=cwd, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def twine(server: Server, token: str, *files: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run(
        *(BIN / "twine", "upload", "--non-interactive", "--disable-progress-bar", *files),
        cwd=cwd,
        TWINE_REPOSITORY_URL=f"{server.url}/legacy/",
        TWINE_USERNAME="__token__",
        TWINE_PASSWORD=token,
    )


def uv_publish(server: Server, token: str, *files: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run(
        *(BIN / "uv", "publish", *files),
        cwd=cwd,
        UV_PUBLISH_URL=f"{server.url}/legacy/",
        UV_PUBLISH_USERNAME="__token__",
        UV_PUBLISH_PASSWORD=token,
        UV_NO_CACHE="1",
    )


Publish = Callable[..., subprocess.CompletedProcess[str]]
PUBLISHERS = pytest.mark.parametrize("publish", [twine, uv_publish])


@PUBLISHERS
def test_publish_then_install_with_dependencies_with_pip_and_uv(
    server: Server, tmp_path: Path, publish: Publish
) -> None:
    needed = distributions.wheel(tmp_path, "open_needed", module="answer = 42\n")
    demo = distributions.wheel(
        tmp_path,
        "demo",
        extra="Requires-Dist: open-needed>=1\nRequires-Python: >=3.9\n",
        module="import open_needed\n",
    )
    for _ in range(2):  # the second time is a retry: the same bytes are a success
        done = publish(server, PUBLISHER, needed, demo, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    pip, uv = tmp_path / "pip", tmp_path / "uv"
    index = f"{server.url}/simple/"
    succeed(sys.executable, "-m", "pip", "install", "--target", pip, "demo", cwd=tmp_path, PIP_INDEX_URL=index)
    succeed(BIN / "uv", "pip", "install", "--target", uv, "demo", cwd=tmp_path, UV_DEFAULT_INDEX=index)
    for target in (pip, uv):
        check = "import demo; print(demo.open_needed.answer)"
        assert succeed(sys.executable, "-c", check, cwd=tmp_path, PYTHONPATH=str(target)) == "42\n"


@PUBLISHERS
def test_other_bytes_are_refused_in_words_that_their_author_sees(
    server: Server, tmp_path: Path, publish: Publish
) -> None:
    publish(server, PUBLISHER, distributions.wheel(tmp_path), cwd=tmp_path)
    again = publish(server, PUBLISHER, distributions.wheel(tmp_path, module="x = 1"), cwd=tmp_path)
    assert again.returncode != 0
    assert "File already exists" in again.stdout + again.stderr


@PUBLISHERS
def test_who_has_no_right_is_told_so(server: Server, tmp_path: Path, publish: Publish) -> None:
    refused = publish(server, NOBODY, distributions.wheel(tmp_path), cwd=tmp_path)
    assert refused.returncode != 0
    assert "no right to publish" in " ".join((refused.stdout + refused.stderr).split())


def test_a_reader_installs_what_anonymous_cannot_see(server: Server, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path, "secret_a")
    assert twine(server, PUBLISHER, wheel, cwd=tmp_path).returncode == 0
    install = (sys.executable, "-m", "pip", "install", "--no-input", "--target", tmp_path / "t", "secret-a")
    anonymous = run(*install, cwd=tmp_path, PIP_INDEX_URL=f"{server.url}/simple/")
    assert anonymous.returncode != 0
    succeed(*install, cwd=tmp_path, PIP_INDEX_URL=f"{server.url_of(READER)}/simple/")
    target = tmp_path / "uv"
    index = f"{server.url_of(READER)}/simple/"
    succeed(BIN / "uv", "pip", "install", "--target", target, "secret-a", cwd=tmp_path, UV_DEFAULT_INDEX=index)


def test_an_sdist_is_built_and_installed(server: Server, tmp_path: Path) -> None:
    """With a build backend inside the sdist, so that nothing else is needed."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "demo"\nversion = "1.0"\n'
    )
    (project / "backend.py").write_text(_BACKEND)
    succeed(BIN / "python", "-m", "build", "--sdist", "--no-isolation", "-o", tmp_path, project, cwd=tmp_path)
    assert twine(server, PUBLISHER, tmp_path / "demo-1.0.tar.gz", cwd=tmp_path).returncode == 0
    succeed(
        *(sys.executable, "-m", "pip", "install", "--no-binary", "demo", "--target", tmp_path / "t", "demo"),
        cwd=tmp_path,
        PIP_INDEX_URL=f"{server.url}/simple/",
    )
    assert (tmp_path / "t/demo.py").exists()


_BACKEND = """
import io, tarfile, zipfile
META = "Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n"
def build_sdist(folder, settings=None):
    with tarfile.open(f"{folder}/demo-1.0.tar.gz", "w:gz") as archive:
        for name in ("pyproject.toml", "backend.py"):
            archive.add(name, f"demo-1.0/{name}")
        info = tarfile.TarInfo("demo-1.0/PKG-INFO")
        info.size = len(META)
        archive.addfile(info, io.BytesIO(META.encode()))
    return "demo-1.0.tar.gz"
def build_wheel(folder, settings=None, metadata=None):
    name = "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as archive:
        archive.writestr("demo.py", "")
        archive.writestr("demo-1.0.dist-info/METADATA", META)
        wheel = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        archive.writestr("demo-1.0.dist-info/WHEEL", wheel)
        archive.writestr("demo-1.0.dist-info/RECORD", "")
    return name
"""

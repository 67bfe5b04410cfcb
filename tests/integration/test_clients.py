"""From one end to the other with twine, uv and pip, on a folder and on S3.

`test_publishing.py` and `test_installing.py` have all clients, on a folder.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.command import Done, output, run, succeed
from clients.environments import TWINE, UV
from support import distributions
from support.access import PUBLISHER, READER
from support.server import Server

BIN = Path(sys.executable).parent


def twine(server: Server, token: str, *files: Path, cwd: Path) -> Done:
    login = {
        "TWINE_USERNAME": "__token__",
        "TWINE_PASSWORD": token,
        "TWINE_REPOSITORY_URL": f"{server.url}/legacy/",
    }
    upload = (TWINE, "upload", "--non-interactive", "--disable-progress-bar")
    return run(*upload, *files, cwd=cwd, variables=login)


def uv_publish(server: Server, token: str, *files: Path, cwd: Path) -> Done:
    login = {"UV_PUBLISH_USERNAME": "__token__", "UV_PUBLISH_PASSWORD": token}
    url = {"UV_PUBLISH_URL": f"{server.url}/legacy/"}
    return run(UV, "publish", *files, cwd=cwd, variables={**login, **url})


Publish = Callable[..., Done]
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
        assert done.returncode == 0, output(done)
    pip, uv = tmp_path / "pip", tmp_path / "uv"
    index = f"{server.url}/simple/"
    succeed(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--target",
        pip,
        "demo",
        cwd=tmp_path,
        variables={"PIP_INDEX_URL": index},
    )
    succeed(UV, "pip", "install", "--target", uv, "demo", cwd=tmp_path, variables={"UV_DEFAULT_INDEX": index})
    for target in (pip, uv):
        check = "import demo; print(demo.open_needed.answer)"
        assert succeed(sys.executable, "-c", check, cwd=tmp_path, variables={"PYTHONPATH": str(target)}) == "42\n"


def test_a_reader_installs_what_anonymous_cannot_see(server: Server, tmp_path: Path) -> None:
    wheel = distributions.wheel(tmp_path, "secret_a")
    assert twine(server, PUBLISHER, wheel, cwd=tmp_path).returncode == 0
    install = (sys.executable, "-m", "pip", "install", "--no-input", "--target", tmp_path / "t", "secret-a")
    anonymous = run(*install, cwd=tmp_path, variables={"PIP_INDEX_URL": f"{server.url}/simple/"})
    assert anonymous.returncode != 0
    succeed(*install, cwd=tmp_path, variables={"PIP_INDEX_URL": f"{server.url_of(READER)}/simple/"})
    target = tmp_path / "uv"
    index = f"{server.url_of(READER)}/simple/"
    succeed(
        UV, "pip", "install", "--target", target, "secret-a", cwd=tmp_path, variables={"UV_DEFAULT_INDEX": index}
    )


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
        variables={"PIP_INDEX_URL": f"{server.url}/simple/"},
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

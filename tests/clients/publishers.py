"""How each client publishes a project, with its own way of taking a login: `PUBLISHERS` has them all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from clients.command import Done, run, succeed
from clients.environments import TWINE, UV, environment, program

Publish = Callable[..., Done]
"""Called with the project's folder, the URL of the upload API, a token, and the client's options."""


@dataclass(frozen=True)
class Publisher:
    """A client that publishes, and the build backend that its projects have."""

    name: str
    publish: Publish
    backend: str
    requires: str

    def build(self, folder: Path, *, text: str = "answer = 42", version: str = "1.0") -> Path:
        """Write a project named after the client and build it into its `dist`; `text` is in its module."""
        project = folder / self.name
        module = project / f"open_{self.name}"
        module.mkdir(parents=True, exist_ok=True)
        (module / "__init__.py").write_text(f'"""A demo."""\n\n{text}\n')
        (project / "README.md").write_text("# Demo\n")
        (project / "pyproject.toml").write_text(
            _PYPROJECT.format(name=module.name, requires=self.requires, backend=self.backend, version=version)
        )
        python = () if self.name == "uv" else ("--no-build-isolation", "--python", self._python())
        build = (UV, "build", "--quiet", "--offline", "--clear", "--no-create-gitignore", *python)
        succeed(*build, cwd=project, variables={"HOME": str(folder)})
        return project

    def _python(self) -> Path:
        return environment("hatch" if self.name == "twine" else self.name) / "bin/python"


_PYPROJECT = """\
[build-system]
requires = ["{requires}"]
build-backend = "{backend}"

[project]
name = "{name}"
version = "{version}"
description = "A demo"
readme = "README.md"
requires-python = ">=3.9"
keywords = ["demo", "index"]
classifiers = ["Private :: Do Not Upload", "Programming Language :: Python :: 3"]
dependencies = ["open-needed>=1; python_version < '3'"]

[project.urls]
Source = "http://localhost/"

[tool.uv.build-backend]
module-root = ""
"""


def files(project: Path) -> list[Path]:
    """Return the built distributions of a project."""
    return sorted((project / "dist").iterdir())


def twine(project: Path, url: str, token: str, *options: str) -> Done:
    """Publish with twine and a login in `.pypirc`."""
    pypirc = project / ".pypirc"
    pypirc.write_text(
        f"[distutils]\nindex-servers = private\n"
        f"[private]\nrepository = {url}\nusername = __token__\npassword = {token}\n"
    )
    upload = ("upload", "--non-interactive", "--disable-progress-bar", "--config-file", pypirc, "-r", "private")
    return run(TWINE, *upload, *options, *files(project), cwd=project)


def uv(project: Path, url: str, token: str, *options: str) -> Done:
    """Publish with uv and a token in its variable."""
    variables = {"UV_PUBLISH_URL": url, "UV_PUBLISH_TOKEN": token}
    return run(UV, "publish", *options, *files(project), cwd=project, variables=variables)


def poetry(project: Path, url: str, token: str, *options: str) -> Done:
    """Publish with poetry: a repository and a login in variables that stand for its configuration."""
    variables = {
        "POETRY_REPOSITORIES_PRIVATE_URL": url,
        "POETRY_HTTP_BASIC_PRIVATE_USERNAME": "__token__",
        "POETRY_HTTP_BASIC_PRIVATE_PASSWORD": token,
        "POETRY_VIRTUALENVS_CREATE": "false",
    }
    publish = ("publish", "--no-interaction", "--repository", "private")
    return run(program("poetry"), *publish, *options, cwd=project, variables=variables)


def pdm(project: Path, url: str, token: str, *options: str) -> Done:
    """Publish with pdm, which shows the index's reasons only with `-vv` (and in its log)."""
    variables = {
        "PDM_PUBLISH_REPO": url,
        "PDM_PUBLISH_USERNAME": "__token__",
        "PDM_PUBLISH_PASSWORD": token,
        "PDM_USE_VENV": "false",
    }
    return run(program("pdm"), "publish", "-vv", "--no-build", *options, cwd=project, variables=variables)


def hatch(project: Path, url: str, token: str, *options: str) -> Done:
    """Publish with hatch and its variables."""
    variables = {"HATCH_INDEX_REPO": url, "HATCH_INDEX_USER": "__token__", "HATCH_INDEX_AUTH": token}
    return run(program("hatch"), "publish", "--no-prompt", *options, cwd=project, variables=variables)


def flit(project: Path, url: str, token: str, *options: str) -> Done:
    """Publish with flit, which builds again each time."""
    variables = {"FLIT_INDEX_URL": url, "FLIT_USERNAME": "__token__", "FLIT_PASSWORD": token}
    return run(program("flit"), "publish", *options, cwd=project, variables=variables)


def _all() -> Iterable[Publisher]:
    yield Publisher("twine", twine, "hatchling.build", "hatchling")
    yield Publisher("uv", uv, "uv_build", "uv_build>=0.1,<1")
    yield Publisher("poetry", poetry, "poetry.core.masonry.api", "poetry-core")
    yield Publisher("pdm", pdm, "pdm.backend", "pdm-backend")
    yield Publisher("hatch", hatch, "hatchling.build", "hatchling")
    yield Publisher("flit", flit, "flit_core.buildapi", "flit_core")


PUBLISHERS = {publisher.name: publisher for publisher in _all()}

"""How each client installs into an environment from one index and no other: `INSTALLERS` has them all.

Each takes the index's URL, with a login in it or not, as its users configure it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from clients.command import Done, run, succeed
from clients.environments import UV, environment, program

Install = Callable[..., Done]
"""Called with a folder, which gets the environment `.venv`, the index's URL, and requirements."""


def new_environment(folder: Path) -> Path:
    """Make an empty environment in a folder and return its Python."""
    python = folder / ".venv/bin/python"
    if not python.exists():
        succeed(UV, "venv", "--quiet", "--python", program("pip").with_name("python"), ".venv", cwd=folder)
    return python


def installed(folder: Path) -> dict[str, str]:
    """Return the versions of all packages in the environment of a folder."""
    printed = succeed(folder / ".venv/bin/python", "-c", _VERSIONS, cwd=folder)
    return dict(line.split() for line in printed.splitlines())


_VERSIONS = """
import importlib.metadata
for each in importlib.metadata.distributions():
    print(each.metadata["Name"].replace("_", "-"), each.version)
"""


def pip(folder: Path, index: str, *arguments: str) -> Done:
    """Install with pip; the index is in a variable, as in a user's Secret."""
    command = (program("pip"), "--python", new_environment(folder), "install", *arguments)
    return run(*command, cwd=folder, variables={"PIP_INDEX_URL": index})


def uv(folder: Path, index: str, *arguments: str) -> Done:
    """Install with uv; the index is in a variable."""
    command = (UV, "pip", "install", "--python", new_environment(folder), *arguments)
    return run(*command, cwd=folder, variables={"UV_DEFAULT_INDEX": index})


def poetry(folder: Path, index: str, *requirements: str) -> Done:
    """Lock and install with poetry; the index is the primary source."""
    new_environment(folder)
    tool = f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "private"\nurl = "{index}"\n'
    _write_project(folder, requirements, tool)
    variables = {"POETRY_VIRTUALENVS_IN_PROJECT": "true"}
    locked = run(program("poetry"), "--no-interaction", "lock", cwd=folder, variables=variables)
    return locked if locked.returncode else poetry_sync(folder)


def poetry_sync(folder: Path) -> Done:
    """Install what poetry's lock file says."""
    variables = {"POETRY_VIRTUALENVS_IN_PROJECT": "true"}
    return run(program("poetry"), "--no-interaction", "sync", cwd=folder, variables=variables)


def pdm(folder: Path, index: str, *requirements: str) -> Done:
    """Lock and install with pdm; the index replaces pdm's first source."""
    new_environment(folder)
    tool = f'[tool.pdm]\ndistribution = false\n[[tool.pdm.source]]\nname = "pypi"\nurl = "{index}"\n'
    _write_project(folder, requirements, tool)
    locked = run(program("pdm"), "lock", cwd=folder)
    return locked if locked.returncode else pdm_sync(folder)


def pdm_sync(folder: Path) -> Done:
    """Install what pdm's lock file says."""
    return run(program("pdm"), "sync", cwd=folder)


def uv_project(folder: Path, index: str, *requirements: str) -> Done:
    """Lock and install with uv's own projects; the index is their only one."""
    new_environment(folder)
    tool = f'[tool.uv]\npackage = false\n[[tool.uv.index]]\nurl = "{index}"\ndefault = true\n'
    _write_project(folder, requirements, tool)
    locked = run(UV, "lock", cwd=folder, variables=_UV_PROJECT)
    return locked if locked.returncode else uv_sync(folder)


def uv_sync(folder: Path) -> Done:
    """Install what uv's lock file says."""
    return run(UV, "sync", "--frozen", cwd=folder, variables=_UV_PROJECT)


def hatch(folder: Path, index: str, *requirements: str) -> Done:
    """Make hatch's default environment, which it does with uv or pip and their variables."""
    tool = f'[tool.hatch.envs.default]\npath = ".venv"\nskip-install = true\ndependencies = {list(requirements)}\n'
    _write_project(folder, (), tool)
    variables = {"UV_DEFAULT_INDEX": index, "PIP_INDEX_URL": index}
    return run(program("hatch"), "env", "create", cwd=folder, variables=variables)


def pipenv(folder: Path, index: str, *requirements: str) -> Done:
    """Lock and install with pipenv; the index is the Pipfile's only source."""
    succeed(UV, "venv", "--quiet", "--python", program("pip").with_name("python"), ".venv", cwd=folder)
    source = f'[[source]]\nname = "private"\nverify_ssl = false\nurl = "{index}"\n'
    packages = "".join(f'{name} = "{versions}"\n' for name, versions in map(_split, requirements))
    (folder / "Pipfile").write_text(f"{source}[packages]\n{packages}")
    return run(program("pipenv"), "install", cwd=folder, variables={"PIPENV_VENV_IN_PROJECT": "1"})


def pip_compile(folder: Path, index: str, *requirements: str) -> Done:
    """Lock with pip-compile, digests included, and install with pip what the lock says."""
    source = _write_requirements(folder, requirements)
    options = ("--quiet", "--generate-hashes", "--cache-dir", folder / "cache", "--output-file", "requirements.txt")
    compiler = environment("pip-tools") / "bin/pip-compile"
    locked = run(compiler, *options, source, cwd=folder, variables={"PIP_INDEX_URL": index})
    return locked if locked.returncode else pip(folder, index, "--require-hashes", "-r", "requirements.txt")


def uv_compile(folder: Path, index: str, *requirements: str) -> Done:
    """Lock with `uv pip compile`, digests included, and sync what the lock says."""
    source = _write_requirements(folder, requirements)
    variables = {"UV_DEFAULT_INDEX": index}
    options = ("--quiet", "--generate-hashes", "--output-file", "requirements.txt")
    python = ("--python", new_environment(folder))
    locked = run(UV, "pip", "compile", *python, *options, source, cwd=folder, variables=variables)
    if locked.returncode:
        return locked
    return run(UV, "pip", "sync", *python, "--require-hashes", "requirements.txt", cwd=folder, variables=variables)


def pex(folder: Path, index: str, *requirements: str) -> Done:
    """Build one file with pex, and make the environment of it."""
    variables = {"PEX_ROOT": str(folder / "pex-root"), "PEX_PYTHON": str(new_environment(folder))}
    options = ("--index-url", index, "--include-tools", "--output-file", "application.pex")
    built = run(program("pex"), *options, *requirements, cwd=folder, variables=variables)
    if built.returncode:
        return built
    unpack = (new_environment(folder), "application.pex", "venv", "--force", ".venv")
    return run(*unpack, cwd=folder, variables={**variables, "PEX_TOOLS": "1"})


def _write_requirements(folder: Path, requirements: tuple[str, ...]) -> str:
    (folder / "requirements.in").write_text("".join(f"{each}\n" for each in requirements))
    return "requirements.in"


def _split(requirement: str) -> tuple[str, str]:
    name, pinned, version = requirement.partition("==")
    return name, f"=={version}" if pinned else "*"


def _write_project(folder: Path, requirements: tuple[str, ...], tool: str) -> None:
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "application"\nversion = "1"\nrequires-python = ">=3.9,<4"\n'
        f"dependencies = {list(requirements)}\n{tool}"
    )


# The index is in pyproject.toml, which uv counts as configuration.
_UV_PROJECT = {"UV_NO_CONFIG": "false"}

INSTALLERS: Mapping[str, Install] = {
    each.__name__: each for each in (pip, uv, uv_project, poetry, pdm, hatch, pipenv)
}

LOCKERS: Mapping[str, Install] = {each.__name__: each for each in (uv_compile, pip_compile, pex)}
"""Clients that write down what they chose, in files of their own."""

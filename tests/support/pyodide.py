"""Python in a browser: Pyodide's runtime from the npm registry and a locked micropip, as files of a site."""

import shutil
import subprocess
import tarfile
from pathlib import Path

from clients.environments import LOCKS, UV
from cluster.paths import cache, locked

VERSION, PYTHON = "314.0.7", "3.14"


def put_into(folder: Path) -> None:
    """Put `pyodide/` and `micropip.zip` into a site's folder."""
    if (folder / "pyodide").exists():
        return
    (folder / "pyodide").symlink_to(_runtime())
    install = (UV, "pip", "install", "--quiet", "--python-version", PYTHON, "--target", folder / "zipped")
    subprocess.run([*install, "--requirements", LOCKS / "micropip.txt"], check=True)
    shutil.make_archive(str(folder / "micropip"), "zip", folder / "zipped")


def _runtime() -> Path:
    """Return the folder of the runtime, fetched the first time."""
    target = cache() / "pyodide" / VERSION
    with locked("pyodide"):
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            pack = ["npm", "pack", "--silent", f"pyodide@{VERSION}", "--pack-destination", str(target.parent)]
            subprocess.run(pack, check=True, capture_output=True)
            with tarfile.open(target.parent / f"pyodide-{VERSION}.tgz") as archive:
                archive.extractall(target.with_suffix(".new"), filter="data")
            (target.with_suffix(".new") / "package").rename(target)
    return target

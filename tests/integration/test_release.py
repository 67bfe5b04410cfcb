"""`make release-artifacts`: what a release has, built twice, is the same twice, and is what it says it is."""

import hashlib
import json
import tarfile
from pathlib import Path

import yaml

from artifacts import __main__ as artifacts
from artifacts import project
from artifacts.commands import run
from artifacts.image import build as build_image
from cluster.paths import cache

BUILDAH = (
    "buildah",
    "--root",
    f"{cache()}/buildah/root",
    "--runroot",
    f"{cache()}/buildah/run",
    "--storage-driver",
    "overlay",
)


def built(folder: Path, *, with_image: bool) -> dict[str, str]:
    """Build into the folder; return what it says the digests are."""
    artifacts.build(folder, "registry.example.com/wheelyard", with_image=with_image)
    lines = (folder / artifacts.SUMS).read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def test_two_builds_are_the_same(tmp_path: Path) -> None:
    one, other = (built(tmp_path / name, with_image=False) for name in ("one", "other"))
    version = project.version()
    assert set(one) == {
        "install.yaml",
        f"wheelyard-{version}-py3-none-any.whl",
        f"wheelyard-{version}.tar.gz",
        f"wheelyard-{version}.tgz",
    }
    assert one == other
    for name, digest in one.items():
        assert hashlib.sha256((tmp_path / "one" / name).read_bytes()).hexdigest() == digest
    check_chart(tmp_path / "one" / f"wheelyard-{version}.tgz")
    check_sdist(tmp_path / "one" / f"wheelyard-{version}.tar.gz")
    check_manifest(tmp_path / "one/install.yaml")


def check_chart(archive: Path) -> None:
    with tarfile.open(archive) as chart:
        names = chart.getnames()
        described = chart.extractfile("wheelyard/Chart.yaml")
        assert described
        assert yaml.safe_load(described)["version"] == project.version()
    assert {f"wheelyard/files/crds/{each.name}" for each in (project.ROOT / "crds").iterdir()} <= set(names)


def check_sdist(archive: Path) -> None:
    with tarfile.open(archive) as sdist:
        folders = {name.split("/")[1] for name in sdist.getnames()}
    assert {"operator", "indexserver", "crds", "LICENSE", "README.md", "pyproject.toml"} <= folders


def check_manifest(file: Path) -> None:
    objects = [each for each in yaml.safe_load_all(file.read_text()) if each]
    kinds = [each["kind"] for each in objects]
    assert kinds[0] == "Namespace"
    assert kinds.count("CustomResourceDefinition") == 2
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example.com/wheelyard:{project.version()}"
    assert deployment["metadata"]["namespace"] == objects[0]["metadata"]["name"]


def test_two_builds_of_the_image_are_the_same_and_it_runs(tmp_path: Path) -> None:
    release, version = tmp_path / "release", project.version()
    digests = built(release, with_image=True)
    image, materials = f"wheelyard-{version}-image.tar", f"wheelyard-{version}-image.cdx.json"
    again = build_image(tmp_path, release / f"wheelyard-{version}-py3-none-any.whl", project.epoch())
    assert hashlib.sha256(again.read_bytes()).hexdigest() == digests[image]
    container = run(*BUILDAH, "from", "--quiet", f"oci-archive:{release / image}").strip()
    try:
        said = run(*BUILDAH, "run", "--isolation", "chroot", container, "--", "wheelyard", "--version")
        assert said == f"wheelyard {version}\n"
    finally:
        run(*BUILDAH, "rm", container)
    components = json.loads((release / materials).read_text())["components"]
    found = {(each["name"], each["purl"].partition("/")[0]) for each in components if "purl" in each}
    assert {("wheelyard", "pkg:pypi"), ("aiohttp", "pkg:pypi"), ("python3", "pkg:deb")} <= found

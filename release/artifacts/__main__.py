"""`python -m artifacts build`: everything that a release has, into a folder; `version NUMBER`: the next version."""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

from cluster.progress import ClusterError, say

from . import chart, distributions, image, materials, project
from .commands import ArtifactError

SUMS = "SHA256SUMS"


def build(target: Path, repository: str, *, with_image: bool = True) -> None:
    """Build into a folder, which is emptied first; the install manifest takes the image from `repository`."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    epoch = project.epoch()
    say(f"building Wheelyard {project.version()} of {epoch}: wheel, sdist, chart, install manifest")
    wheel = next(each for each in distributions.build(target, epoch) if each.suffix == ".whl")
    chart.package(target, epoch)
    chart.manifest(target, repository)
    if with_image:
        say("building the images and their SBOMs (about a minute)")
        materials.bills_of_materials(image.build(target, wheel, epoch), epoch)
    _sum(target)


def _sum(target: Path) -> None:
    lines = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in sorted(target.iterdir())]
    (target / SUMS).write_text("".join(lines))
    sys.stdout.writelines(lines)


def main() -> None:
    """Run the command; report an error in a sentence."""
    parser = argparse.ArgumentParser(prog="python -m artifacts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    builder = commands.add_parser("build", help="build everything into a folder")
    builder.add_argument("target", type=Path)
    builder.add_argument("--repository", default="wheelyard", help="where install.yaml takes the image from")
    builder.add_argument("--without-image", action="store_true", help="only what takes seconds")
    commands.add_parser("version", help="write the next version into every file that has it").add_argument("new")
    arguments = parser.parse_args()
    try:
        if arguments.command == "build":
            build(arguments.target, arguments.repository, with_image=not arguments.without_image)
        else:
            project.set_version(arguments.new)
    except (ArtifactError, ClusterError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

"""The inspection of sdists.

https://packaging.python.org/en/latest/specifications/source-distribution-format/
"""

from typing import BinaryIO

from wheelyard_server.catalog.inspection.findings import Findings, Rule
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.metadata import METADATA_VERSIONS, CoreMetadata, parse_metadata
from wheelyard_server.catalog.inspection.paths import Kind, Tree, check_path, check_symbolic_link
from wheelyard_server.catalog.inspection.tar_archive import TarMember, open_tar_gz
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.catalog.inspection.zip_archive import ZipArchive
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import DistributionFilename, belongs_to, standard_sdist_stem

_BEFORE_STANDARD = ("", *METADATA_VERSIONS[: METADATA_VERSIONS.index("2.4")])
"""Tools that write these versions spell filenames in many ways; newer tools follow PEP 625."""


def inspect_sdist(
    file: BinaryIO, filename: DistributionFilename, limits: ArchiveLimits, findings: Findings
) -> CoreMetadata:
    """Return an sdist's metadata; raise `InvalidUploadError` unless it is consistent. Reads the whole file."""
    read = _read_zip if filename.filename.endswith(".zip") else _read_tar
    metadata = parse_metadata(read(file, filename, limits, findings), filename, findings)
    stem = standard_sdist_stem(filename)
    if metadata.metadata_version not in _BEFORE_STANDARD and not filename.filename.startswith(f"{stem}."):
        findings.add(
            Rule.SDIST_FILENAME,
            f"The sdist must be named {shown(stem)}.tar.gz (PEP 625): build it with newer tools",
        )
    return metadata


def _read_zip(file: BinaryIO, filename: DistributionFilename, limits: ArchiveLimits, findings: Findings) -> bytes:
    """Return PKG-INFO of a `.zip` sdist, after checking every member."""
    archive = ZipArchive(file, limits, findings)
    root = _one_root(archive.tree, filename, findings)
    for entry in archive.files.values():
        archive.check_content(entry)
    return archive.read(f"{root}/PKG-INFO", limits.metadata_bytes)


def _read_tar(file: BinaryIO, filename: DistributionFilename, limits: ArchiveLimits, findings: Findings) -> bytes:
    """Return PKG-INFO of a `.tar.gz` sdist, after checking every member."""
    tree = Tree(limits, findings)
    pkg_info: bytes | None = None
    archive = open_tar_gz(file, limits)
    for member in archive.members():
        _add(tree, member)
        root, _, name = member.path.partition("/")
        if name == "PKG-INFO" and member.kind is Kind.FILE:
            pkg_info = archive.read(member, limits.metadata_bytes)
    root = _one_root(tree, filename, findings)
    if pkg_info is None:
        raise InvalidUploadError(f"The archive has no {shown(f'{root}/PKG-INFO')}")
    return pkg_info


def _add(tree: Tree, member: TarMember) -> None:
    tree.add(member.path, member.kind)
    if member.kind is not Kind.LINK:
        return
    if member.is_symbolic_link:
        check_symbolic_link(member.path, member.target)
        return
    # A hard link names its target from the root. One to a symbolic link could write through it.
    check_path(member.target)
    if not tree.is_file(member.target):
        raise InvalidUploadError(f"{shown(member.path)} in the archive is a hard link, but not to an earlier file")


def _one_root(tree: Tree, filename: DistributionFilename, findings: Findings) -> str:
    """Return the one top folder, which should be `NAME-VERSION`. Installers only use its contents."""
    if len(tree.roots) != 1:
        raise InvalidUploadError(f"An sdist must have exactly one top folder, but this has {len(tree.roots)}")
    root = next(iter(tree.roots))
    if not belongs_to(root, filename):
        findings.add(
            Rule.SDIST_FOLDER,
            f"The sdist's folder {shown(root)} does not match the project and version of its filename",
        )
    return root

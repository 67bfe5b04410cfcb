"""Changes of a name's owner, as pure functions from its document to the next one."""

from wheelyard_server.errors import NameOwnedError
from wheelyard_server.model import Change, Project
from wheelyard_server.model.mirror import Mirror
from wheelyard_server.policy.file_policy import FilePolicy

MAX_FORMER = 8
"""Maximum number of former mirrors in a document. Each takes a change of the settings, or a claim."""


def is_local(project: Project) -> bool:
    """Return whether the name belongs to this index: it has or had files here, or was claimed."""
    return not project.owner and bool(project.files or project.deleted or project.claimed)


def with_owner(project: Project, owner: str, mirror: Mirror) -> Project:
    """Return the project as a mirror."""
    former = tuple(each for each in _known(project) if each.url != mirror.url)
    return project.replace(owner=owner, mirror=mirror, claimed=None, former=former[:MAX_FORMER])


def known_mirror(project: Project, url: str) -> Mirror | None:
    """Return the mirror that the name is, or was, of the upstream with this URL; None if it never was."""
    return next((each for each in _known(project) if each.url == url), None)


def without_owner(project: Project) -> Project:
    """Return the project without its mirror."""
    return project.replace(owner="", mirror=None, former=_known(project)[:MAX_FORMER])


def _known(project: Project) -> tuple[Mirror, ...]:
    """Return all mirrors that the name is, or was, the last one first."""
    return project.former if project.mirror is None else (project.mirror, *project.former)


def upheld(project: Project, policy: FilePolicy) -> Project:
    """Return the project, without its mirror if the owner is no longer asked for this name."""
    mirror = project.mirror
    if mirror is None or policy.upholds(project.owner, mirror, project.name):
        return project
    return without_owner(project)


def with_claim(project: Project, claimed: Change) -> Project:
    """Return the project as this index's own. A name that is this index's own stays unchanged."""
    return project if is_local(project) else without_owner(project).replace(claimed=claimed)


def check_releasable(project: Project) -> None:
    """Raise `NameOwnedError` if files of this index have the name."""
    if project.files:
        raise NameOwnedError(f"{project.name} has files of its own: delete them before you release the name")


def released(project: Project) -> Project:
    """Return the project of a name that no upstream has, without an owner.

    Raises `NameOwnedError` if it had files of its own: their names must never return with other
    bytes.
    """
    check_releasable(project)
    if project.deleted:
        raise NameOwnedError(f"No upstream has {project.name}, so there is none to release it to")
    return without_owner(project).replace(claimed=None)


def mirrored(project: Project) -> NameOwnedError:
    """Return the error for a change that only files of this index allow."""
    return NameOwnedError(
        f"{project.name} is mirrored from {project.owner}, so its files cannot be changed here. You can quarantine"
        f" the project, or make the name this index's own with `wheelyard claim {project.name}`"
    )


def taken(name: str, upstream: str) -> NameOwnedError:
    """Return the error for an upload to a name that an upstream owns."""
    return NameOwnedError(
        f"{name} is a project of the upstream {upstream}. Choose another name, or run `wheelyard claim {name}`,"
        " which needs the permission manage: the name is this index's own then, and the upstream's files are"
        " refused"
    )

"""The error for a file that a rule refuses."""

from wheelyard_server.errors import Refusal, RefusedFileError
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.verdict import Rule, Verdict


def refused(project: str, file: File | MirroredFile, verdict: Verdict) -> RefusedFileError:
    """Return the error for a file of a project that a verdict does not serve."""
    refusal = Refusal(
        project=project,
        rule=verdict.rule or "",
        filename=file.filename,
        version=file.version,
        sha256=file.sha256,
        until=verdict.until,
        advisories=verdict.advisories,
    )
    return RefusedFileError(verdict.reason, refusal)


def refused_name(project: str, verdict: Verdict) -> RefusedFileError:
    """Return the error for a name that a verdict refuses as a whole."""
    refusal = Refusal(project, verdict.rule or "", until=verdict.until, advisories=verdict.advisories)
    return RefusedFileError(verdict.reason, refusal)


def claimed(project: str, upstream: str) -> RefusedFileError:
    """Return the error for a file of an upstream whose name was claimed for this index."""
    sentence = f"The name {project} was claimed for this index: files of {upstream} are no longer offered"
    return RefusedFileError(sentence, Refusal(project, Rule.OWNER))

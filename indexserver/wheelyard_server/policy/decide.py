"""Decides about one file. To decide about many of a project, keep its `Judge`."""

from datetime import datetime

from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.judge import Judge
from wheelyard_server.policy.verdict import Verdict


def decide(file: File | MirroredFile, project: Project, basis: Basis, now: datetime) -> Verdict:
    """Return whether a file of `project` is offered."""
    return Judge(project, basis, now).verdict(file)

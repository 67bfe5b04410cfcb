"""Refuses a resource that still has a field under its old name."""

from wheelyard_operator.condition_types import READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import IndexUser, PackageIndex

FIELD_RENAMED = "FieldRenamed"


def check_field_names(owner: PackageIndex | IndexUser) -> None:
    """Raise Problem if a resource still has a field under its old name.

    The schema refuses a new value, but not one that was stored before and stays the same
    (ratcheting). The old field is not read, so going on with the new field's default could give
    more than was asked for.
    """
    if owner.renamed:
        message = " ".join(f"{each.message}." for each in owner.renamed)
        raise Problem(
            READY, FIELD_RENAMED, f"{message} Until then nothing else changes; users and rights are kept current."
        )

"""The measures, a module for each group."""

from collections.abc import Sequence

from bench.measure import Group
from bench.measures import (
    costs,
    files,
    herd,
    huge,
    installs,
    logins,
    memory,
    mirrors,
    pages,
    people,
    policies,
    stalls,
    starts,
    uploads,
    visible,
)

ALL: Sequence[Group] = (
    pages.GROUP,
    files.GROUP,
    uploads.GROUP,
    installs.GROUP,
    visible.GROUP,
    starts.GROUP,
    memory.GROUP,
    huge.GROUP,
    costs.GROUP,
    logins.GROUP,
    stalls.GROUP,
    mirrors.GROUP,
    mirrors.INSTALLS,
    mirrors.FAR,
    mirrors.BARE,
    herd.GROUP,
    mirrors.RULES,
    policies.GROUP,
    people.GROUP,
    people.SLOW,
    people.SEARCH,
)
BY_NAME = {group.name: group for group in ALL}

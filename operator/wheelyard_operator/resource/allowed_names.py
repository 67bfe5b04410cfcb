"""The names (buckets, hosts) that the platform team allows to the indexes of a namespace."""

import re
from collections.abc import Iterable

from wheelyard_operator.patterns import NAMESPACE
from wheelyard_operator.resource.globs import includes


def allows(patterns: Iterable[str], name: str, namespace: str) -> bool:
    """Return whether an index of this namespace may use this bucket or host.

    A pattern with `{namespace}` gives a name to at most one namespace. If two patterns give a name
    to two namespaces, neither may use it.
    """
    patterns = tuple(patterns)
    if any(includes(each, name) for each in patterns if NAMESPACE not in each):
        return True
    owners = {_namespace(each, name) for each in patterns if NAMESPACE in each} - {""}
    return owners == {namespace}


def examples(patterns: Iterable[str], namespace: str) -> tuple[str, ...]:
    """Return the patterns of this namespace only, with its name filled in."""
    return tuple(each.replace(NAMESPACE, namespace) for each in patterns if NAMESPACE in each)


def _namespace(pattern: str, name: str) -> str:
    """Return the only namespace that a pattern gives a name to, "" for none.

    Wildcards match neither "-" nor ".". The text before and after `{namespace}` therefore has a
    fixed number of parts, and the parts between are the namespace: `{namespace}-*` gives `a-b-c`
    to `a-b` only, never to `a`.
    """
    before, after = (_parts(each) for each in pattern.split(NAMESPACE))
    parts, end = _parts(name), len(after) - 1
    left, right = before[:-1], after[1:]
    own = parts[len(left) : len(parts) - end]
    around = [*parts[: len(left)], *parts[len(parts) - end :]]
    fits = len(parts) > len(left) + end and all(map(includes, [*left, *right], around))
    return "".join(own) if fits else ""


def _parts(text: str) -> list[str]:
    """Return the parts of a name, with each separator as a part."""
    return re.split(r"([-.])", text)

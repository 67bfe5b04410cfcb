"""Where a login leads: a path of this index, never another site (CWE-601)."""

import re

MAX_LENGTH = 500
_FORM = re.compile(r"/(?!/)[A-Za-z0-9._~%!$&*+,=:@/-]*(?:\?[A-Za-z0-9._~%!$&*+,=:@/?-]*)?")
"""Without a host, and without characters that HTML, or browsers that repair URLs, treat specially."""
_OF_LOGINS = re.compile(r"/(?:login|logout)(?![A-Za-z0-9._~-])")


def next_path(text: str) -> str:
    """Return the path of this index that a person wanted, with its query; the front page for anything else."""
    is_path = len(text) <= MAX_LENGTH and _FORM.fullmatch(text) is not None
    return text if is_path and not _OF_LOGINS.match(text) and "/../" not in f"{text}/" else "/"

"""What the operator asks about a file that the server follows: whether the newest one is in force."""

from typing import Any

from wheelyard_server.followed_file import FollowedFile


def described(file: FollowedFile | None) -> dict[str, Any] | None:
    """Return it as docs/contract.md describes it, None without a file."""
    if file is None:
        return None
    state = file.state
    return {
        "revision": state.revision,
        "usable": state.usable,
        "error": state.error,
        "loaded": int(state.loaded),
        "looked": int(file.looked),
    }

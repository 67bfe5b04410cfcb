"""Another schema for a while, as an earlier release had it."""

import json
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from cluster import ApiServer
from support.rest import Manifest, RefusedError


def apply_crd(api: ApiServer, crd: Manifest) -> None:
    done = api.kubectl("replace", "-f", "-", stdin=json.dumps(crd))
    assert done.returncode == 0, done.stderr


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except RefusedError:
        return True
    return False


def until(call: Callable[[], object]) -> None:
    """Wait until a call succeeds: a changed schema is in force a moment later."""
    for _ in range(200):
        with suppress(RefusedError):
            if call():
                return
        time.sleep(0.05)
    pytest.fail("never")

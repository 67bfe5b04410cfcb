"""From settings to upstreams, without an event loop."""

import subprocess
import sys

import pytest

from support.upstream_clients import settings_of
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.upstream import pypi
from wheelyard_server.upstream.opening import open_upstreams


def test_upstreams_are_in_the_order_of_the_settings_and_need_no_event_loop() -> None:
    own = {"name": "own", "url": "https://packages.example.com/simple"}
    opened = open_upstreams(settings_of(own, {"name": "pypi", "pypi": {}}, {**own, "name": "another"}))
    assert [(name, each.name, each.url) for name, each in opened.items()] == [
        ("own", "own", "https://packages.example.com/simple/"),
        ("pypi", "pypi", pypi.simple_url()),
        ("another", "another", "https://packages.example.com/simple/"),
    ]
    assert all(each.health().is_reachable for each in opened.values())


def test_the_address_of_pypi_is_that_of_its_simple_api() -> None:
    assert pypi.simple_url().startswith("https://")
    assert pypi.simple_url().endswith("/simple/")


def test_a_url_that_cannot_be_asked_is_an_error_of_the_settings() -> None:
    with pytest.raises(InvalidSettingsError, match="`url` of the upstream own must have a plain host name"):
        open_upstreams(settings_of({"name": "own", "url": "https://127.1/simple/"}))


async def test_an_upstream_that_was_never_used_can_be_closed() -> None:
    for upstream in open_upstreams(settings_of({"name": "pypi", "pypi": {}})).values():
        await upstream.close()


def test_opening_reads_no_certificates_and_starts_no_thread() -> None:
    code = """
import ssl, threading
from support.upstream_clients import settings_of
from wheelyard_server.upstream.opening import open_upstreams
ssl.create_default_context = None
open_upstreams(settings_of({"name": "pypi", "pypi": {}}))
assert threading.active_count() == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})

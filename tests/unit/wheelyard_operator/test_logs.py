import json
import logging
from collections.abc import Iterator
from typing import Any

import kopf
import pytest
from kopf._core.actions.loggers import LocalObjectLogger

from wheelyard_operator import logs
from wheelyard_operator.resource import INDEX, Key

KEY = Key(INDEX, "packages", "main")
log = logging.getLogger("wheelyard_operator.test")


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root, objects = logging.getLogger(), logging.getLogger("kopf.objects")
    before = root.handlers[:], root.level, objects.level
    yield
    root.handlers[:], root.level = before[0], before[1]
    objects.setLevel(before[2])


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(capsys.readouterr().err.splitlines()[-1])
    return line


def test_a_line_of_json_says_which_resource_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")
    with logs.about(KEY):
        log.warning("%s: %s", KEY, "said in\ntwo lines")
    line = last_line(capsys)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "WARNING",
        "logger": "wheelyard_operator.test",
        "message": "PackageIndex packages/main: said in\ntwo lines",
        "kind": "PackageIndex",
        "namespace": "packages",
        "name": "main",
    }
    log.warning("of the operator itself")
    assert not {"kind", "namespace", "name"} & last_line(capsys).keys()


def test_a_traceback_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")
    try:
        int("no")
    except ValueError:
        log.exception("failed")
    line = last_line(capsys)
    assert line["message"] == "failed"
    assert "ValueError: invalid literal" in line["exception"].splitlines()[-1]


def test_lines_of_kopf_about_an_object_have_it_in_the_same_fields(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")
    metadata = {"name": "alice", "namespace": "ci", "uid": "1"}
    body: Any = {"apiVersion": "wheelyard.dev/v1", "kind": "IndexUser", "metadata": metadata}
    LocalObjectLogger(body=kopf.Body(body), settings=kopf.OperatorSettings()).warning("something is odd")
    line = last_line(capsys)
    assert (line["kind"], line["namespace"], line["name"]) == ("IndexUser", "ci", "alice")
    assert line["logger"] == "kopf.objects"


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("text")
    with logs.about(KEY):
        log.warning("%s: waits", KEY)
    assert capsys.readouterr().err.endswith("WARNING wheelyard_operator.test: PackageIndex packages/main: waits\n")

"""`kubectl wheelyard why`, with a real HTTP server behind a kubectl of the test's own."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import TOKEN
from unit.wheelyard_operator.kubectl.plugin import Plugin, reconciled_user, running_server

OBJECTION: dict[str, Any] = {
    "rule": "cooldown",
    "action": "Block",
    "reason": "Waits until 2026-12-07",
    "advisories": [],
    "exception": None,
}
VERDICT = {"listed": False, "served": False, "rule": "cooldown", "reason": "Waits", "until": "2026-12-07T00:00:00Z"}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def answer(*filenames: str, after: str | None = None) -> dict[str, Any]:
    files = [{"filename": name, "verdict": VERDICT, "objections": [OBJECTION]} for name in filenames]
    return {
        "name": "flask",
        "upstream": "pypi",
        "onName": {"served": True},
        "notes": [],
        "files": files,
        "next": after,
    }


class Index(ThreadingHTTPServer):
    """Answers with these statuses and bodies, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, str | None]] = []


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Index)
        self.server.asked.append((self.path, self.headers["Authorization"]))
        status, body = self.server.answers[self.path]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", body)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[Index]:
    with Index() as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def kubectl(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the log of a kubectl that forwards to the index."""
    script = tmp_path / "kubectl"
    forwarding = f"Forwarding from 127.0.0.1:{index.server_port} -> 8080"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\necho "{forwarding}"\nexec sleep 60\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "asked"


@pytest.fixture
def why(plugin: Plugin, kubectl: Path) -> Plugin:
    assert not kubectl.exists()
    plugin.kube.put(running_server("starting"))
    plugin.kube.put(running_server("server", **READY))
    return plugin


def test_the_decisions_are_explained_through_a_port_forward(why: Plugin, index: Index, kubectl: Path) -> None:
    path = "/api/v1/projects/flask/decisions?version=3.1"
    index.answers = {path: (200, answer("a.whl", after="a.whl")), f"{path}&after=a.whl": (200, answer("b.whl"))}
    shown = why("why", "main", "flask==3.1", "--context", "c")
    assert shown.code == 0, shown.err
    assert shown.out.splitlines() == [
        "flask, mirrored from pypi",
        "a.whl: refused by cooldown until 2026-12-07T00:00:00Z",
        "  cooldown: Waits until 2026-12-07",
        "b.whl: refused by cooldown until 2026-12-07T00:00:00Z",
        "  cooldown: Waits until 2026-12-07",
    ]
    assert kubectl.read_text() == ("--context=c -n packages port-forward pod/server :8080 --address=127.0.0.1\n"), (
        "kubectl uses the same cluster and identity, and the pod that is ready"
    )
    assert [login for _, login in index.asked] == [None, None], "without --user the index sees no login"


def test_the_index_sees_the_login_of_the_chosen_user(why: Plugin, index: Index) -> None:
    index.answers = {"/api/v1/projects/flask/decisions?": (200, answer())}
    shown = why("why", "main", "flask", "--user", "packages/ci", "-o", "json")
    assert json.loads(shown.out)["name"] == "flask", shown.err
    (asked,) = index.asked
    assert asked[1] == f"Basic {base64.b64encode(f'packages.ci:{TOKEN}'.encode()).decode()}"
    assert TOKEN not in shown.out + shown.err


def test_no_other_index_sees_a_users_token(why: Plugin, index: Index) -> None:
    why.kube.put(reconciled_user(index_namespace="elsewhere"))
    shown = why("why", "main", "flask", "--user", "ci")
    assert (shown.code, index.asked) == (1, [])
    assert "is a user of another index" in shown.err


def test_a_redirect_is_not_followed_with_the_login(why: Plugin, index: Index) -> None:
    index.answers = {"/api/v1/projects/flask/decisions?": (302, "/elsewhere")}
    assert "The index refused: status 302" in why("why", "main", "flask", "--user", "ci").err
    assert len(index.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, {"detail": "no"}, "choose an IndexUser whose Secret you may read, with --user"),
        (404, {"detail": "There is no project flask"}, "The index refused: There is no project flask"),
        (200, "\x1b[2J", "does not answer like an index"),
    ],
)
def test_a_refusal_says_what_to_do(why: Plugin, index: Index, status: int, body: Any, expected: str) -> None:
    index.answers = {"/api/v1/projects/flask/decisions?": (status, body)}
    shown = why("why", "main", "flask")
    assert shown.code == 1
    assert expected in shown.err


def test_what_an_upstream_wrote_cannot_move_the_cursor(why: Plugin, index: Index) -> None:
    index.answers = {"/api/v1/projects/flask/decisions?": (200, answer("\x1b[2J.whl"))}
    assert "\x1b" not in why("why", "main", "flask").out


def test_another_address_needs_no_port_forward(why: Plugin, index: Index, kubectl: Path) -> None:
    index.answers = {"/api/v1/projects/flask/decisions?": (200, answer())}
    assert why("why", "main", "flask", "--url", f"http://127.0.0.1:{index.server_port}/simple/").code == 0
    assert not kubectl.exists()


def test_a_forbidden_port_forward_names_the_missing_right(why: Plugin, kubectl: Path) -> None:
    refusal = (
        'Error from server (Forbidden): User "jane" cannot create resource "pods/portforward" in API group ""'
        ' in the namespace "packages"'
    )
    (kubectl.parent / "kubectl").write_text(f"#!/bin/sh\necho '{refusal}' >&2\nexit 1\n")
    assert "You (jane) do not have permission to create pods/portforward in namespace packages" in (
        why("why", "main", "flask").err
    )


def test_without_a_ready_server_or_kubectl_the_error_names_it(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No server of PackageIndex packages/main is ready" in plugin("why", "main", "flask").err
    plugin.kube.put(running_server("server", **READY))
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "put it into PATH." in plugin("why", "main", "flask").err

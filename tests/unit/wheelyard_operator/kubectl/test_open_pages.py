"""`kubectl wheelyard open`, with a kubectl of the test's own."""

import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest

from unit.wheelyard_operator.kubectl.plugin import Plugin, conditions, reconciled_index, running_server
from wheelyard_operator.kubectl.forward import Forward

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
INGRESS = {"ingress": {"host": "pypi.example.com", "tls": {}}}
LISTENS = "Forwarding from 127.0.0.1:40123 -> 8080"

SetKubectl = Callable[..., Path]


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetKubectl:
    """Return what makes a kubectl that prints these lines and ends; it gives the log of its arguments."""

    def made(*lines: str, to: int = 1) -> Path:
        script = tmp_path / "kubectl"
        printing = "".join(f"echo '{line}' >&{to}\n" for line in lines)
        script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{printing}')
        script.chmod(0o755)
        return tmp_path / "asked"

    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return made


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the URLs that a browser was given."""
    found: list[str] = []

    def browse(url: str) -> bool:
        found.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", browse)
    return found


@pytest.fixture
def inside(plugin: Plugin) -> Plugin:
    """Return the plugin, with a ready server of an index that has no external URL."""
    plugin.kube.put(running_server("starting"))
    plugin.kube.put(running_server("server", **READY))
    return plugin


def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C come while the command waits."""

    def notes(_: Forward) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Forward, "notes", notes)


def test_an_external_url_is_printed_and_the_command_ends(plugin: Plugin, kubectl: SetKubectl) -> None:
    log = kubectl(LISTENS)
    plugin.kube.put(reconciled_index(spec=INGRESS))
    shown = plugin("open", "main")
    assert (shown.code, shown.out, shown.err) == (0, "https://pypi.example.com/\n", "")
    assert not log.exists()


def test_an_external_url_is_opened_in_a_browser_if_asked(plugin: Plugin, opened: list[str]) -> None:
    plugin.kube.put(reconciled_index(spec={"external": {"url": "https://a.example.com/team/pypi"}}))
    assert plugin("open", "main").code == 0
    assert opened == []
    assert plugin("open", "main", "--browser").out == "https://a.example.com/team/pypi/\n"
    assert opened == ["https://a.example.com/team/pypi/"]


def test_it_says_if_the_url_may_not_work(plugin: Plugin) -> None:
    plugin.kube.put(
        reconciled_index(spec=INGRESS, status={"conditions": conditions(Ready="False", Exposed="False")})
    )
    shown = plugin("open", "main")
    assert (shown.code, shown.out) == (0, "https://pypi.example.com/\n")
    assert shown.err == "The URL may not work now: The message of Exposed.\n"


def test_without_a_browser_it_says_so(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin.kube.put(reconciled_index(spec=INGRESS))
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    shown = plugin("open", "main", "--browser")
    assert (shown.code, shown.out) == (0, "https://pypi.example.com/\n")
    assert shown.err == "No browser was found here: open the URL yourself.\n"


def test_otherwise_a_port_is_forwarded_until_ctrl_c(
    inside: Plugin, kubectl: SetKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = kubectl(LISTENS)
    interrupted(monkeypatch)
    shown = inside("open", "main", "--context", "c")
    assert (shown.code, shown.out) == (0, "http://127.0.0.1:40123/\n")
    assert shown.err == "It leads to a server of the index until Ctrl-C.\n"
    assert log.read_text() == "--context=c -n packages port-forward pod/server :8080 --address=127.0.0.1\n"


@pytest.mark.parametrize("flags", [("--forward",), ("--port", "8443")])
def test_a_port_is_forwarded_on_request(
    inside: Plugin, kubectl: SetKubectl, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    """Single sign-on through a port-forward needs the port that the provider knows."""
    inside.kube.put(reconciled_index(spec=INGRESS))
    log = kubectl(LISTENS)
    interrupted(monkeypatch)
    assert inside("open", "main", *flags).out == "http://127.0.0.1:40123/\n"
    port = flags[1] if flags[1:] else ""
    assert f"port-forward pod/server {port}:8080 " in log.read_text()


def test_the_end_of_the_port_forward_is_an_error_with_what_kubectl_says(
    inside: Plugin, kubectl: SetKubectl
) -> None:
    kubectl(LISTENS, "Handling connection for 40123", "error: lost connection to pod")
    shown = inside("open", "main")
    assert (shown.code, shown.out) == (1, "http://127.0.0.1:40123/\n")
    assert shown.err.splitlines()[1:] == [
        "error: lost connection to pod",
        "kubectl wheelyard: The connection to PackageIndex packages/main has ended: run the command again.",
    ]


def test_warnings_of_kubectl_come_before_its_address(
    inside: Plugin, kubectl: SetKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl("Warning: an old context", LISTENS)
    interrupted(monkeypatch)
    assert inside("open", "main").code == 0


def test_a_port_that_is_in_use_is_an_error_of_kubectls(inside: Plugin, kubectl: SetKubectl) -> None:
    kubectl("Unable to listen on port 8443", "error: unable to listen on any of the requested ports", to=2)
    shown = inside("open", "main", "--port", "8443")
    assert (shown.code, shown.out) == (1, "")
    assert "did not reach the index: Unable to listen on port 8443" in shown.err


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1"])
def test_a_wrong_port_is_refused(inside: Plugin, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        inside("open", "main", f"--port={port}")
    assert ended.value.code == 2
    assert f"'{port}' is not a port: a number from 1 to 65535" in capsys.readouterr().err


def test_an_index_without_pages_has_none_to_open(inside: Plugin, kubectl: SetKubectl) -> None:
    log = kubectl(LISTENS)
    inside.kube.put(reconciled_index(spec={"web": {"enabled": False}, **INGRESS}))
    shown = inside("open", "main")
    assert (shown.code, shown.out) == (1, "")
    assert "has no pages: spec.web.enabled is false" in shown.err
    assert not log.exists()

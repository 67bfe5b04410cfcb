import base64
import io
import json
import logging
import sys
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from support.access import PUBLISHER
from support.http import Client, auth
from support.logs import collected
from wheelyard_server.settings import LogFormat
from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.telemetry import logs
from wheelyard_server.web.telemetry.logs import JsonFormatter, LineFormatter

ARGON = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b2dWRWJTmaaJObG"
BCRYPT = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"
JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"RS256"}', b'{"sub":1}', b"x")
)
SECRETS = (
    (PUBLISHER, "wy_[hidden]"),
    (JWT, "eyJ[hidden]"),
    (JWT.rpartition(".")[0], "eyJ[hidden]"),
    (ARGON, "$[hidden]"),
    (BCRYPT, "$[hidden]"),
    ("$6$rounds=20500$salt$hash/.x", "$[hidden]"),
    ("$apr1$salt$hash/.x", "$[hidden]"),
)


def record(message: str, **attributes: Any) -> logging.LogRecord:
    made = logging.LogRecord("a", logging.INFO, "", 0, "%s", (message,), None)
    made.created = 1_767_225_599.9996
    made.__dict__.update(attributes)
    return made


def line(message: str, **fields: Any) -> str:
    return LineFormatter().format(record(message, fields=fields)).partition("INFO a: ")[2]


def in_a_request(request_id: str, call: Callable[[], str]) -> str:
    def named() -> str:
        request_ids.begin(make_mocked_request("GET", "/", headers={"X-Request-ID": request_id}))
        return call()

    return copy_context().run(named)


@pytest.mark.parametrize(
    ("message", "written"),
    [
        ("plain \u00e4", "plain \u00e4"),
        ("a\r\nINFO b: fake", r"a\r\nINFO b: fake"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\x00\x7f\x85", r"a\x00\x7f\x85"),
        ("a\u2028b\u202eb", r"a\u2028b\u202eb"),
        ("a\udcffb", r"a\udcffb"),
    ],
)
def test_a_message_stays_on_its_line(message: str, written: str) -> None:
    assert line(message) == written
    as_json = JsonFormatter().format(record(message))
    assert as_json.isprintable()
    assert as_json.isascii()
    assert json.loads(as_json)["message"] == message


@pytest.mark.parametrize(("secret", "instead"), SECRETS)
def test_secrets_are_hidden_wherever_they_are(secret: str, instead: str) -> None:
    assert line(f"x{secret} {secret}\n") == rf"x{instead} {instead}\n"
    made = record(f"({secret})", fields={"reason": f"a {secret}", "files": (secret,)})
    for formatter in (LineFormatter(), JsonFormatter()):
        assert secret not in formatter.format(made)
        assert formatter.format(made).count(instead) == 3


@pytest.mark.parametrize("login", ["user:pass", "user:p@ss", "user", ":pass"])
def test_logins_in_urls_are_hidden(login: str) -> None:
    assert line(f"at https://{login}@host/a@b and http://host") == "at https://[hidden]@host/a@b and http://host"


def test_a_traceback_has_no_token_and_no_line_that_looks_like_one_of_the_log() -> None:
    token = PUBLISHER
    error = ValueError(f"{token}\n2026-01-01 INFO b: fake\x1b")
    made = logging.LogRecord("a", logging.ERROR, "", 0, "x", (), (ValueError, error, None))
    _, *lines = LineFormatter().format(made).splitlines()
    assert all(each.startswith("    ") for each in lines)
    assert token not in "".join(lines)
    assert "\x1b" not in "".join(lines)
    written = json.loads(JsonFormatter().format(made))
    assert written["exception"].startswith("ValueError: wy_[hidden]\n")


def test_fields_are_pairs_in_text_and_keys_in_json() -> None:
    fields = {"user": "ci.jenkins", "status": 200, "files": ("a-1.whl", "b-1.whl"), "reason": 'a "b" x=y\n'}
    written = in_a_request("r-1", lambda: line("done", **fields))
    assert written == r'done user=ci.jenkins status=200 files=a-1.whl,b-1.whl reason="a \"b\" x=y\n" requestId=r-1'
    as_json = in_a_request("r-1", lambda: JsonFormatter().format(record("done", fields=fields)))
    assert json.loads(as_json) == {
        "time": "2025-12-31T23:59:59.999Z",
        "level": "INFO",
        "logger": "a",
        "message": "done",
        **fields,
        "files": ["a-1.whl", "b-1.whl"],
        "requestId": "r-1",
    }


@pytest.mark.parametrize(("log_format", "begins"), [(LogFormat.TEXT, "20"), (LogFormat.JSON, '{"time": "20')])
def test_a_set_up_takes_the_place_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch, log_format: LogFormat, begins: str
) -> None:
    monkeypatch.setattr(logging, "root", logging.RootLogger(logging.WARNING))
    monkeypatch.setattr(sys, "stderr", stderr := io.StringIO())
    for each in (LogFormat.TEXT, log_format):
        logs.set_up(each)
    logging.root.info("x")
    (written,) = stderr.getvalue().splitlines()
    assert written.startswith(begins)


async def test_the_access_log_names_the_request(client: Client) -> None:
    with collected(LineFormatter()) as log:
        await client.get("/simple/nothing/", headers={"X-Request-ID": "mine", **auth(PUBLISHER)})
    (line,) = (each for each in log.getvalue().splitlines() if "aiohttp.access" in each)
    assert '"GET /simple/nothing/" 404 ' in line
    assert line.endswith(" requestId=mine")


async def test_a_probe_is_worth_a_line_only_if_it_fails(client: Client) -> None:
    assert client.app is not None
    with collected(LineFormatter()) as log:
        for path in ("/-/healthz", "/-/readyz", "/-/readyz?verbose"):
            assert (await client.get(path)).status == 200
        client.app[LIFECYCLE].draining = True
        for path in ("/-/readyz", "/-/nothing", "/simple/"):
            await client.get(path)
    told = [each.partition('"GET ')[2] for each in log.getvalue().splitlines() if "aiohttp.access" in each]
    assert [each.split()[:2] for each in told] == [
        ['/-/readyz"', "503"],
        ['/-/nothing"', "404"],
        ['/simple/"', "200"],
    ]

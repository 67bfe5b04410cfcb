"""Which status each error of ours becomes, and what the client learns."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from wheelyard_server import errors
from wheelyard_server.web.error_statuses import errors_as_responses, status_of

Kind = type[errors.WheelyardError]


COMMANDS = ("wheelyard_server.commands.", "wheelyard_server.importing.", "wheelyard_server.maintenance.")
"""Packages of the command line, whose errors end a command. Another test may have imported them."""


def kinds(base: Kind = errors.WheelyardError) -> Iterator[Kind]:
    for each in base.__subclasses__():
        if not each.__module__.startswith(COMMANDS):
            yield each
        yield from kinds(each)


NO_ANSWER = {
    # They end the process.
    errors.InvalidSettingsError,
    errors.LoopEndedError,
    errors.UnsafeInterpreterError,
    errors.LoginError,  # the base of those that are raised
    errors.UpstreamError,  # another base
    # Fetching advisories is background work, which logs them.
    errors.FeedError,
    errors.FeedPartMissingError,
    errors.NoListingError,
    errors.WrongBytesError,  # the catalog catches it and reads the bytes elsewhere
}
"""Errors that end no request."""


@pytest.mark.parametrize("kind", sorted(set(kinds()) - NO_ANSWER, key=str))
def test_every_error_that_a_request_can_meet_has_a_status(kind: Kind) -> None:
    assert status_of(kind.__new__(kind)) != 500


def test_an_unexpected_error_is_a_failure_of_the_server() -> None:
    assert status_of(ZeroDivisionError()) == 500


async def answer(error: Exception) -> web.Response:
    async def handler(_request: web.Request) -> web.StreamResponse:
        raise error

    response = await errors_as_responses(make_mocked_request("GET", "/simple/demo/"), handler)
    assert isinstance(response, web.Response)
    return response


def detail(response: web.Response) -> str:
    assert response.text is not None
    return str(json.loads(response.text)["detail"])


async def test_a_missing_login_is_asked_for_with_the_realm_that_distutils_knows() -> None:
    response = await answer(errors.UnauthenticatedError("Log in to read the project demo"))
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Basic realm="pypi"')
    assert detail(response) == "Log in to read the project demo"


async def test_an_outage_is_503_with_a_time_to_retry_and_without_its_cause() -> None:
    response = await answer(errors.StorageUnavailableError("projects/demo.json", "secret-host:9000 refused"))
    assert (response.status, response.headers["Retry-After"]) == (503, "5")
    assert "secret-host" not in detail(response)


async def test_a_throttled_client_gets_the_time_to_wait() -> None:
    response = await answer(errors.TooManyAttemptsError(42))
    assert (response.status, response.headers["Retry-After"]) == (429, "42")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UpstreamUnavailableError("pypi", "does not answer", 30), 503),
        (errors.UpstreamAnswerError("pypi", "sent no page"), 502),
        (errors.UpstreamCredentialsError("pypi", "refuses the credentials"), 502),
        (errors.UpstreamFileMissingError("pypi", "no longer has this file"), 404),
        (errors.NameOwnedError("The name numpy belongs to the upstream pypi"), 409),
        (errors.RefusedFileError("Other bytes than before", errors.Refusal("demo", "digest")), 403),
        (errors.TooManyNewNamesError(600), 429),
        (errors.RefreshedLatelyError("demo", 600), 429),
    ],
)
async def test_errors_of_upstreams_have_statuses_that_clients_understand(
    error: errors.WheelyardError, status: int
) -> None:
    """T2 and T37: what is not an absence is no 404, and a body never parses as a page."""
    response = await answer(error)
    assert (response.status, detail(response), response.reason) == (status, str(error), str(error))
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers.get("Retry-After") == {429: "600", 503: "30"}.get(status)
    assert response.text is not None
    assert not {"files", "projects", "name"} & json.loads(response.text).keys()


async def test_a_refusal_names_its_rule_its_end_and_its_advisories_for_programs() -> None:
    refusal = errors.Refusal(
        "demo", "malware", until=datetime(2026, 12, 1, tzinfo=UTC), advisories=("MAL-2026-1", "MAL-2026-2")
    )
    text = (await answer(errors.RefusedFileError("demo 2.0 is malware", refusal))).text
    assert text is not None
    members = json.loads(text)
    assert members.pop("requestId") is not None
    assert members == {
        "status": 403,
        "title": "Forbidden",
        "detail": "demo 2.0 is malware",
        "rule": "malware",
        "until": "2026-12-01T00:00:00Z",
        "advisories": ["MAL-2026-1", "MAL-2026-2"],
    }


async def test_a_refusal_without_an_end_has_no_member_for_it() -> None:
    text = (await answer(errors.RefusedFileError("demo is denied", errors.Refusal("demo", "deny")))).text
    assert text is not None
    assert json.loads(text).keys() == {"status", "title", "detail", "requestId", "rule"}


async def test_a_client_that_disconnects_is_no_failure_of_the_server() -> None:
    assert (await answer(ConnectionResetError())).status == 400


async def test_an_unexpected_error_is_left_to_the_server() -> None:
    with pytest.raises(ZeroDivisionError):
        await answer(ZeroDivisionError())

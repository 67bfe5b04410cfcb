"""The real clients against a small CodeArtifact and STS: see `support.code_artifact`."""

from collections.abc import Iterator

import pytest

from support.code_artifact import CodeArtifactServer
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.clients import Clients, Credentials
from wheelyard_operator.provision.code_artifact import CodeArtifactTokens, Token
from wheelyard_operator.resource import CodeArtifact
from wheelyard_operator.settings import Settings

ROLE = "arn:aws:iam::111122223333:role/packages"
OWN_KEY = Credentials("AKIAINDEX", "secret")
DOMAIN = CodeArtifact("acme", "111122223333", "eu-west-1", "")
WITH_ROLE = CodeArtifact("acme", "111122223333", "eu-west-1", ROLE)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeArtifactServer]:
    server = CodeArtifactServer()
    with server.serving() as url:
        for service in ("STS", "CODEARTIFACT"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "operator")
        monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
        yield server


@pytest.fixture
def tokens() -> CodeArtifactTokens:
    return CodeArtifactTokens(Clients(Settings(image="w:1")))


def refused(server: CodeArtifactServer, tokens: CodeArtifactTokens, domain: CodeArtifact) -> Problem:
    with pytest.raises(Problem) as problem:
        tokens.with_role(domain, "packages/main") if domain.role_arn else tokens.with_key(domain, OWN_KEY)
    assert all("secret" not in str(each) for each in (problem.value, server.requests))
    return problem.value


def test_the_key_of_the_index_gives_a_token_for_twelve_hours(
    server: CodeArtifactServer, tokens: CodeArtifactTokens
) -> None:
    server.readers = {("acme", "AKIAINDEX")}
    assert tokens.with_key(DOMAIN, OWN_KEY) == Token("token for AKIAINDEX", "2030-01-01T12:00:00Z")
    ((key, path, parameters),) = server.requests
    assert (key, path) == ("AKIAINDEX", "/v1/authorization-token")
    assert parameters == {"domain": "acme", "domain-owner": "111122223333", "duration": "43200"}


def test_a_role_that_demands_the_external_id_gives_a_token(
    server: CodeArtifactServer, tokens: CodeArtifactTokens
) -> None:
    server.roles = {ROLE: ("AKIAOPERATOR", "packages/main")}
    server.readers = {("acme", "session-packages")}
    assert tokens.with_role(WITH_ROLE, "packages/main").secret == "token for session-packages"
    keys = [(key, name.rpartition("/")[2]) for key, name, _ in server.requests]
    assert keys == [
        ("AKIAOPERATOR", "AssumeRole"),
        ("AKIAOPERATOR", "AssumeRole"),
        ("session-packages", "authorization-token"),
    ]


def test_a_role_that_any_index_could_use_is_refused(server: CodeArtifactServer, tokens: CodeArtifactTokens) -> None:
    server.roles = {ROLE: ("AKIAOPERATOR", "")}
    server.readers = {("acme", "session-packages")}
    problem = refused(server, tokens, WITH_ROLE)
    assert problem.reason == "RoleWithoutExternalID"
    assert 'StringEquals sts:ExternalId "packages/main"' in problem.message
    assert [name for _, name, _ in server.requests] == ["AssumeRole"]


def test_a_role_of_another_index_is_refused_by_its_trust_policy(
    server: CodeArtifactServer, tokens: CodeArtifactTokens
) -> None:
    server.roles = {ROLE: ("AKIAOPERATOR", "team-b/main")}
    problem = refused(server, tokens, WITH_ROLE)
    assert problem.reason == "RoleRefused"
    assert "team-b" not in problem.message


def test_the_operators_own_rights_never_give_a_token(
    server: CodeArtifactServer, tokens: CodeArtifactTokens
) -> None:
    """The operator may read the domain, and the index may not."""
    server.readers = {("acme", "AKIAOPERATOR")}
    problem = refused(server, tokens, DOMAIN)
    assert problem.reason == "TokenRefused"
    assert "sts:GetServiceBearerToken" in problem.message
    assert {key for key, *_ in server.requests} == {"AKIAINDEX"}


@pytest.mark.parametrize(
    ("error", "reason", "text"),
    [
        ("ResourceNotFoundException", "TokenRefused", "check domain, domainOwner and region"),
        ("ValidationException", "TokenRefused", "The operator retries"),
    ],
)
def test_other_answers_say_what_to_check(
    server: CodeArtifactServer, tokens: CodeArtifactTokens, error: str, reason: str, text: str
) -> None:
    server.fails_with = error
    problem = refused(server, tokens, DOMAIN)
    assert problem.reason == reason
    assert text in problem.message


def test_without_credentials_of_its_own_the_operator_assumes_no_role(
    server: CodeArtifactServer, tokens: CodeArtifactTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert refused(server, tokens, WITH_ROLE).reason == "OperatorCredentialsMissing"
    assert server.requests == []


def test_a_server_that_does_not_answer_is_named_as_such(
    tokens: CodeArtifactTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", "http://127.0.0.1:1")
    with pytest.raises(Problem) as problem:
        tokens.with_key(DOMAIN, OWN_KEY)
    assert (problem.value.reason, problem.value.stalled) == ("EndpointUnreachable", False)


def test_a_region_without_code_artifact_is_refused_without_a_request(tokens: CodeArtifactTokens) -> None:
    tokens.check_region(DOMAIN)
    for region in ("nowhere-1", "eu-west-1.evil.example"):
        with pytest.raises(Problem, match="RegionUnknown"):
            tokens.check_region(CodeArtifact("acme", "111122223333", region, ""))

from typing import Any

import pytest

from support.attestations import GITHUB, certificate
from wheelyard_server.catalog.provenance.ci_jobs import (
    CIJob,
    CircleCI,
    GitHub,
    GitLab,
    Google,
    of_certificate,
    of_claims,
    parse,
)

ISSUER, REPOSITORY = (b"\x06\x0a\x2b\x06\x01\x04\x01\x83\xbf\x30\x01" + bytes([last]) for last in (8, 12))
"""Object identifiers of Sigstore's extensions (DER)."""
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
GITLAB_ISSUER = "https://gitlab.com"
WORKFLOW_REF = "acme/app/.github/workflows/release.yml@refs/heads/main"
CONFIG_REF = "gitlab.com/acme/team/app//ci/release.yml@refs/heads/main"
GITHUB_CLAIMS = {"repository": "acme/app", "workflow_ref": WORKFLOW_REF}
GITLAB_CLAIMS = {"project_path": "acme/team/app", "ci_config_ref_uri": CONFIG_REF}
RELEASE = GitHub(repository="acme/app", workflow="release.yml")
ON_GITLAB = GitLab(repository="acme/team/app", workflow_filepath="ci/release.yml")


@pytest.mark.parametrize(
    ("issuer", "claims", "job"),
    [
        (GITHUB_ISSUER, GITHUB_CLAIMS, GitHub(repository="acme/app", workflow="release.yml")),
        (
            GITHUB_ISSUER,
            {**GITHUB_CLAIMS, "environment": "release"},
            GitHub(repository="acme/app", workflow="release.yml", environment="release"),
        ),
        # The reusable workflow that a job called is not the one that verifiers compare.
        (
            GITHUB_ISSUER,
            {**GITHUB_CLAIMS, "job_workflow_ref": "acme/shared/.github/workflows/publish.yml@v1"},
            GitHub(repository="acme/app", workflow="release.yml"),
        ),
        (GITLAB_ISSUER, GITLAB_CLAIMS, ON_GITLAB),
    ],
)
def test_a_ci_token_names_its_job(issuer: str, claims: dict[str, Any], job: CIJob) -> None:
    assert of_claims(issuer, claims) == job


@pytest.mark.parametrize(
    ("issuer", "claims"),
    [
        ("https://gitlab.acme.example", GITLAB_CLAIMS),
        (GITHUB_ISSUER, {}),
        (GITHUB_ISSUER, {"repository": "acme/app"}),
        (GITHUB_ISSUER, {"repository": "acme/other", "workflow_ref": WORKFLOW_REF}),
        (GITHUB_ISSUER, {"repository": "", "workflow_ref": "/.github/workflows/release.yml@v1"}),
        (GITHUB_ISSUER, {"repository": 1, "workflow_ref": WORKFLOW_REF}),
        (GITHUB_ISSUER, {"repository": "acme/app", "workflow_ref": "acme/app/.github/workflows/@v1"}),
        (GITHUB_ISSUER, {"repository": "acme/app", "workflow_ref": "acme/app/.github/workflows/release.yml"}),
        (GITHUB_ISSUER, {**GITHUB_CLAIMS, "environment": "e" * 513}),
        (GITLAB_ISSUER, {**GITLAB_CLAIMS, "project_path": "acme/other"}),
    ],
)
def test_a_token_of_an_unsupported_kind_of_job_names_no_job(issuer: str, claims: dict[str, Any]) -> None:
    assert of_claims(issuer, claims) is None


@pytest.mark.parametrize(
    ("extensions", "email", "job"),
    [
        (GITHUB, None, GitHub(repository="acme/app", workflow="release.yml")),
        (
            {8: GITLAB_ISSUER, 12: "https://gitlab.com/acme/team/app", 18: f"https://{CONFIG_REF}"},
            None,
            ON_GITLAB,
        ),
        ({8: "https://accounts.google.com"}, "ci@acme.example", Google(email="ci@acme.example")),
        (
            {
                8: "https://oidc.circleci.com",
                9: "https://circleci.com/api/v2/projects/p-1/pipeline-definitions/d-2",
                12: "github.com/acme/app",
            },
            None,
            CircleCI(project_id="p-1", pipeline_definition_id="d-2", vcs_origin="github.com/acme/app"),
        ),
        # A person's login, a server of a company's own, and certificates that do not say enough.
        ({8: "https://github.com/login/oauth"}, "dev@acme.example", None),
        ({**GITHUB, 8: "https://gitlab.acme.example"}, None, None),
        ({}, None, None),
        ({8: "https://accounts.google.com"}, None, None),
        ({8: "https://oidc.circleci.com", 9: "https://circleci.com/"}, None, None),
        ({8: GITHUB[8], 12: GITHUB[12]}, None, None),
        ({**GITHUB, 12: "https://github.com/acme/other"}, None, None),
        ({**GITHUB, 18: f"https://github.com/acme/app/.github/workflows/{'w' * 513}.yml@v1"}, None, None),
    ],
)
def test_a_certificate_names_its_job(extensions: dict[int, str], email: str | None, job: CIJob | None) -> None:
    assert of_certificate(certificate(extensions, email)) == job


def test_a_kind_of_job_of_a_newer_release_is_unknown() -> None:
    assert parse({"kind": "GitHub", "repository": "acme/app", "workflow": "release.yml"}) == RELEASE
    for value in (None, {}, {"kind": "Jenkins", "url": "x"}, {"kind": "GitHub"}, "GitHub", 1):
        assert parse(value) is None


def test_a_certificate_that_cannot_be_parsed_is_an_error() -> None:
    with pytest.raises(ValueError, match="parsing"):
        of_certificate(b"not DER")


@pytest.mark.parametrize(
    ("original", "changed"),
    [
        pytest.param(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", id="version 8"),
        pytest.param(REPOSITORY, ISSUER, id="an extension twice"),
        pytest.param(b"\x30\x05\x81\x03a@b", b"\x30\x05\xa3\x03\x30\x01\x00", id="an X.400 address"),
    ],
)
def test_a_certificate_that_breaks_a_rule_is_an_error(original: bytes, changed: bytes) -> None:
    sound = certificate(GITHUB, "a@b")
    assert of_certificate(sound) is not None
    assert sound.count(original) == 1
    with pytest.raises(ValueError, match=r"."):
        of_certificate(sound.replace(original, changed))


def test_the_environment_is_not_compared_since_no_certificate_names_it() -> None:
    job = GitHub(repository="acme/app", workflow="release.yml", environment="release")
    assert job.is_same_job(GitHub(repository="acme/app", workflow="release.yml"))
    assert not job.is_same_job(GitHub(repository="acme/app", workflow="other.yml"))
    assert not job.is_same_job(ON_GITLAB)

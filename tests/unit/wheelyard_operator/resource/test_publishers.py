from typing import Any

import pytest

from wheelyard_operator.resource.publishers import TokenIdentity


@pytest.mark.parametrize(
    ("body", "issuer", "claims"),
    [
        (
            {"github": {"repository": "acme/app", "workflow": "release.yml", "environment": ""}},
            "https://token.actions.githubusercontent.com",
            {"repository": "acme/app", "job_workflow_ref": "acme/app/.github/workflows/release.yml@*"},
        ),
        (
            {"github": {"repository": "acme/app", "workflow": "release.yml", "environment": "pypi"}},
            "https://token.actions.githubusercontent.com",
            {
                "repository": "acme/app",
                "job_workflow_ref": "acme/app/.github/workflows/release.yml@*",
                "environment": "pypi",
            },
        ),
        (
            {"github": {"repository": "acme/app", "workflow": "release.yml", "repositoryOwnerId": 9919}},
            "https://token.actions.githubusercontent.com",
            {
                "repository": "acme/app",
                "repository_owner_id": "9919",
                "job_workflow_ref": "acme/app/.github/workflows/release.yml@*",
            },
        ),
        (
            {"gitlab": {"project": "acme/app", "projectId": 7}},
            "https://gitlab.com",
            {
                "project_path": "acme/app",
                "project_id": "7",
                "ci_config_ref_uri": "gitlab.com/acme/app//.gitlab-ci.yml@*",
            },
        ),
        (
            {
                "gitlab": {
                    "url": "https://git.acme.example",
                    "project": "group/sub/app",
                    "configFile": "ci/release.yml",
                }
            },
            "https://git.acme.example",
            {
                "project_path": "group/sub/app",
                "ci_config_ref_uri": "git.acme.example/group/sub/app//ci/release.yml@*",
            },
        ),
        (
            {"gitlab": {"project": "acme/app"}},
            "https://gitlab.com",
            {"project_path": "acme/app", "ci_config_ref_uri": "gitlab.com/acme/app//.gitlab-ci.yml@*"},
        ),
        ({"oidc": {"issuer": "https://i.example", "claims": {"sub": "me"}}}, "https://i.example", {"sub": "me"}),
    ],
)
def test_which_claims_a_job_must_have(body: dict[str, Any], issuer: str, claims: dict[str, str]) -> None:
    identity = TokenIdentity.of_publisher(body)
    assert (identity.issuer, dict(identity.claims)) == (issuer, claims)


GITHUB = "https://token.actions.githubusercontent.com"


@pytest.mark.parametrize(
    ("body", "pinned"),
    [
        ({"github": {"repository": "acme/app", "workflow": "release.yml"}}, False),
        ({"github": {"repository": "acme/app", "workflow": "release.yml", "repositoryOwnerId": 1}}, True),
        ({"gitlab": {"project": "acme/app"}}, False),
        ({"gitlab": {"project": "acme/app", "projectId": 1}}, True),
        ({"gitlab": {"url": "https://git.acme.example", "project": "acme/app"}}, False),
        ({"oidc": {"issuer": GITHUB, "claims": {"repository": "acme/app"}}}, False),
        ({"oidc": {"issuer": GITHUB, "claims": {"repository_owner_id": "1*"}}}, False),
        ({"oidc": {"issuer": GITHUB, "claims": {"repository_owner_id": "1"}}}, True),
        ({"oidc": {"issuer": GITHUB, "claims": {"repository_id": "1"}}}, True),
        ({"oidc": {"issuer": "https://gitlab.com", "claims": {"sub": "x"}}}, False),
        ({"oidc": {"issuer": "https://ci.example", "claims": {"sub": "x"}}}, True),
    ],
)
def test_names_that_can_be_registered_again_do_not_pin(body: dict[str, Any], *, pinned: bool) -> None:
    assert TokenIdentity.of_publisher(body).is_pinned is pinned


def test_how_to_pin_says_where_the_number_is() -> None:
    named = {"github": {"repository": "acme/app", "workflow": "release.yml"}}
    assert "gh api users/acme --jq .id" in TokenIdentity.of_publisher(named).how_to_pin
    assert "project ID" in TokenIdentity.of_publisher({"gitlab": {"project": "a/b"}}).how_to_pin

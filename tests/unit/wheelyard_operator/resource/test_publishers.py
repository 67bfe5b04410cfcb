from __future__ import annotations

from typing import Any

import pytest

from wheelyard_operator.resource.publishers import Identity


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
    identity = Identity.of_publisher(body)
    assert (identity.issuer, dict(identity.claims)) == (issuer, claims)

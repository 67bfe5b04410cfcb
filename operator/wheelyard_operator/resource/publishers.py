"""Trusted publishers: CI jobs that log in with a token that their CI has signed (OpenID Connect).

Each kind declares here which claims the token of a job must have. All others are ignored. Issuer,
audience and times are always verified.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from wheelyard_operator.resource.meta import Manifest

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
_GITLAB_ISSUER = "https://gitlab.com"
_PINS = {"repository_owner_id", "repository_id", "project_id", "namespace_id"}
"""Claims with an ID that is never reused. A name can be registered by someone else once it is abandoned."""


@dataclass(frozen=True)
class TokenIdentity:
    """The bearers of a token from this issuer with these claims."""

    issuer: str
    claims: tuple[tuple[str, str], ...]
    """Names with the values that they must have. A `*` at the end of a value matches any suffix."""

    @property
    def is_pinned(self) -> bool:
        """Return whether it has an ID that is never reused. Other issuers are not known to have such a claim."""
        claims = dict(self.claims)
        goes_by_names = self.issuer in {GITHUB_ISSUER, _GITLAB_ISSUER} or "project_path" in claims
        return not goes_by_names or any(name in _PINS and not value.endswith("*") for name, value in self.claims)

    @property
    def how_to_pin(self) -> str:
        """What to add, and where to find that ID, as text."""
        claims = dict(self.claims)
        if self.issuer == GITHUB_ISSUER:
            owner = claims.get("repository", "OWNER").partition("/")[0]
            number = f"the id that `gh api users/{owner} --jq .id` prints"
            return f"add github.repositoryOwnerId (with oidc: the claim repository_owner_id), {number}"
        return "add gitlab.projectId (with oidc: the claim project_id), the project ID on the project's page"

    def overlaps(self, other: "TokenIdentity") -> bool:
        """Return whether one token can be both, judging by the claims: those of one are among the other's."""
        own, theirs = dict(self.claims), dict(other.claims)
        shared = own.keys() & theirs.keys()
        return (
            self.issuer == other.issuer
            and len(shared) == min(len(own), len(theirs))
            and all(_meet(own[name], theirs[name]) for name in shared)
        )

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.claims)

    @classmethod
    def of_publisher(cls, body: Manifest) -> "TokenIdentity":
        """Take it from one of `spec.trustedPublishers`, which has exactly one kind."""
        if "github" in body:
            return _github(body["github"])
        if "gitlab" in body:
            return _gitlab(body["gitlab"])
        return cls(body["oidc"]["issuer"], tuple(sorted(body["oidc"]["claims"].items())))


def _meet(one: str, two: str) -> bool:
    """Return whether one value can match both."""
    begins_one, begins_two = one.removesuffix("*"), two.removesuffix("*")
    if one != begins_one and two != begins_two:
        return begins_one.startswith(begins_two) or begins_two.startswith(begins_one)
    if one != begins_one:
        return two.startswith(begins_one)
    return one.startswith(begins_two) if two != begins_two else one == two


def _github(body: Manifest) -> TokenIdentity:
    """Return a workflow, on any branch or tag.

    Claims: https://docs.github.com/en/actions/reference/security/oidc
    """
    repository = body["repository"]
    claims = {
        "repository": repository,
        "job_workflow_ref": f"{repository}/.github/workflows/{body['workflow']}@*",
        **({"repository_owner_id": str(owner)} if (owner := body.get("repositoryOwnerId")) else {}),
    }
    return _identity(GITHUB_ISSUER, claims, body)


def _gitlab(body: Manifest) -> TokenIdentity:
    """Return a CI file, on any branch or tag.

    Claims: https://docs.gitlab.com/ci/secrets/id_token_authentication/
    """
    url, project = body.get("url", _GITLAB_ISSUER).rstrip("/"), body["project"]
    claims = {
        "project_path": project,
        "ci_config_ref_uri": f"{urlsplit(url).netloc}/{project}//{body.get('configFile', '.gitlab-ci.yml')}@*",
        **({"project_id": str(number)} if (number := body.get("projectId")) else {}),
    }
    return _identity(url, claims, body)


def _identity(issuer: str, claims: dict[str, str], body: Manifest) -> TokenIdentity:
    if environment := body.get("environment", ""):
        claims["environment"] = environment
    return TokenIdentity(issuer, tuple(sorted(claims.items())))

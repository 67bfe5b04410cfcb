"""Keeps a valid token for each upstream in CodeArtifact: fetched early, renewed at half of its life."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wheelyard_operator.apply import is_owned
from wheelyard_operator.condition_types import UPSTREAMS_READY
from wheelyard_operator.desired.upstream_tokens import KeptToken, kept_tokens, token_source, tokens_secret
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.clients import Credentials
from wheelyard_operator.provision.code_artifact import Token, TokenSource
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.endpoints import BusyError, Endpoints, Service
from wheelyard_operator.reconcile.storage_target import key_in
from wheelyard_operator.resource import CodeArtifact, PackageIndex, S3Storage
from wheelyard_operator.times import later, seconds_until

log = logging.getLogger(__name__)

_MIN_BACKOFF_SECONDS = 60.0
_MAX_BACKOFF_SECONDS = 900.0
_MAX_FAILURES = 10_000
_EVERY_REGION = Service("codeartifact", "", "CodeArtifact")
"""Tenants name regions: all together get half of the workers, as one server does."""
_NO_KEY = Problem(
    UPSTREAMS_READY,
    "NoAccessKey",
    "this index has no access key of its own: name a role in credentials.codeArtifact.roleARN.",
)


@dataclass(frozen=True)
class _Failure:
    problem: Problem
    again: float
    """When it is tried again, by the clock."""
    backoff: float


class UpstreamTokens:
    """Fetches and renews tokens. Its memory only spares AWS refused requests."""

    def __init__(
        self, source: TokenSource, endpoints: Endpoints, clock: Callable[[], float], now: Callable[[], str]
    ) -> None:
        self._source = source
        self._endpoints = endpoints
        self._clock = clock
        self._now = now
        self._failures: dict[tuple[str, str, str], _Failure] = {}
        """By index, source, and the ID of the access key, "" with a role."""

    def keep(
        self, observed: ObservedIndex, blocked: Mapping[str, Problem], children: Children
    ) -> dict[str, Problem]:
        """Write the Secret with tokens if one is due; return why upstreams have none, by name."""
        index = observed.index
        domains = {each.name: each.code_artifact for each in index.upstreams if each.name not in blocked}
        wanted = {name: domain for name, domain in domains.items() if domain}
        try:
            if wanted:
                return self._keep(observed, wanted, children)
            if observed.tokens_secret is not None and is_owned(observed.tokens_secret, index.meta):
                children.remove("Secret", index.meta.namespace, index.tokens_secret_name, UPSTREAMS_READY)
        except Problem as problem:
            return dict.fromkeys(wanted, problem)
        return {}

    def _keep(
        self, observed: ObservedIndex, wanted: Mapping[str, CodeArtifact], children: Children
    ) -> dict[str, Problem]:
        if observed.tokens_secret is not None:
            children.check_owned(observed.tokens_secret, UPSTREAMS_READY)
        now, problems = self._now(), dict[str, Problem]()
        kept = kept_tokens(observed.index, observed.tokens_secret)
        tokens = {name: each for name, each in kept.items() if each.is_for(wanted.get(name)) and now < each.expires}
        for name, domain in wanted.items():
            if name in tokens and now < tokens[name].renew:
                continue
            try:
                tokens[name] = self._new(observed, domain, children)
            except Problem as problem:
                problems[name] = _with_end(problem, tokens.get(name))
            except BusyError:
                log.info("%s: the token for upstream %s waits for other requests", observed.index.meta.key, name)
                break
        # A token that cannot be renewed serves to its end.
        children.ensure(tokens_secret(observed.index, tokens), UPSTREAMS_READY)
        return problems

    def _new(self, observed: ObservedIndex, domain: CodeArtifact, children: Children) -> KeptToken:
        """Return a new token; raise Problem or BusyError."""
        index, now = observed.index, self._now()
        key = None if domain.role_arn else _own_key(observed)
        place = (index.meta.uid, token_source(domain), key.key_id if key else "")
        failure = self._failures.get(place)
        if failure and self._clock() < failure.again:
            raise failure.problem.copy()
        # A token that cannot be written would be fetched again and again.
        children.would_ensure(tokens_secret(index, {}), UPSTREAMS_READY)
        try:
            token = self._fetch(index, domain, key)
        except Problem as problem:
            self._remember(place, problem)
            raise
        self._failures.pop(place, None)
        half = int(seconds_until(token.expires, now) / 2)
        return KeptToken(token.secret, token.expires, later(now, half), token_source(domain))

    def _fetch(self, index: PackageIndex, domain: CodeArtifact, key: Credentials | None) -> Token:
        self._source.check_region(domain)
        region = Service(f"codeartifact {domain.region}", UPSTREAMS_READY, f"CodeArtifact domain {domain.domain}")
        with self._endpoints.conversation(_EVERY_REGION, region):
            return self._source.with_key(domain, key) if key else self._source.with_role(domain, index.id)

    def _remember(self, place: tuple[str, str, str], problem: Problem) -> None:
        if len(self._failures) >= _MAX_FAILURES:
            self._failures.clear()
        before = self._failures.get(place)
        backoff = min(before.backoff * 2, _MAX_BACKOFF_SECONDS) if before else _MIN_BACKOFF_SECONDS
        self._failures[place] = _Failure(problem, self._clock() + backoff, backoff)


def _with_end(problem: Problem, token: KeptToken | None) -> Problem:
    """Return a problem that says, too, how long the present token works."""
    if token is None:
        return problem
    message = f"{problem.message} The present token works until {token.expires}."
    return Problem(problem.condition, problem.reason, message, stalled=problem.stalled)


def _own_key(observed: ObservedIndex) -> Credentials:
    """Return the index's own access key; raise Problem."""
    index, secret = observed.index, observed.storage_secret
    storage = index.storage
    if isinstance(storage, S3Storage) and storage.cloud_role is None and secret is not None:
        key = key_in(secret)
        if key.key_id and key.secret and (is_owned(secret, index.meta) or not storage.provision_user):
            return key
    raise _NO_KEY.copy()

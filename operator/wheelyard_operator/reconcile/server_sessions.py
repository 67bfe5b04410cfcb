"""Gives index servers what sessions of their pages need: a key, their end, and the provider of single sign-on."""

import base64
import re
import secrets
from dataclasses import dataclass

from wheelyard_operator.condition_types import SINGLE_SIGN_ON_READY
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.sessions import SessionsRecord, digest_of, oidc_section, sessions_file
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.openid_provider import Provider
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.issuer_answers import IssuerError
from wheelyard_operator.provision.providers import Providers, provider_of
from wheelyard_operator.reconcile.upstream_policy import bundle_problem
from wheelyard_operator.resource import Manifest, SingleSignOn
from wheelyard_operator.resource.upstreams import allowed_form
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.conditions import truncate

_SECRET_TYPE = "Opaque"  # noqa: S105 - the type of a Secret
_CLIENT_SECRET = re.compile(r"[ -~]{1,2048}")
"""RFC 6749, appendix A.2."""
_OTHERWISE = "Until then, people log in to pages with a token or a password."


@dataclass(frozen=True)
class ServerSessions:
    """What the access Secret has for sessions, and why people cannot sign in with the provider."""

    text: str
    """The content of sessions.yaml."""
    record: str
    token_host: str = ""
    """The host that servers ask, in the form of `allowed_form`; "" without single sign-on."""
    problem: Problem | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 of sessions.yaml."""
        return digest_of(self.text)

    @property
    def size(self) -> int:
        """How many bytes of the Secret it takes."""
        return len(self.text.encode()) + len(self.record.encode())


@dataclass(frozen=True)
class SessionsStage:
    """Gathers it.

    A provider that does not answer keeps its endpoints and keys: people can sign in again as soon
    as it does.
    """

    providers: Providers
    settings: Settings

    def find(self, observed: ObservedIndex, access_secret: Manifest | None, now: str) -> ServerSessions | None:
        """Return the sessions of an index with pages, else None; `access_secret` is the one in force."""
        web = observed.index.web
        if not web.enabled:
            return None
        record = SessionsRecord.parse(access_secret or {}).after(web.end_request, now, _new_key)
        if web.oidc is None:
            return ServerSessions(sessions_file(record), record.text)
        try:
            client_secret = self._checked(observed, web.oidc)
        except Problem as problem:
            return ServerSessions(sessions_file(record), record.text, problem=problem)
        return self._with_provider(record, web.oidc, client_secret)

    def _with_provider(self, record: SessionsRecord, sign_on: SingleSignOn, client_secret: str) -> ServerSessions:
        problem = None
        try:
            provider: Provider | None = self.providers.of(sign_on.issuer, sign_on.ca_bundle)
        except IssuerError as error:
            provider = _last_known(record, sign_on.issuer)
            problem = _unavailable(error, is_known=provider is not None)
        if provider is None:
            return ServerSessions(sessions_file(record), record.text, problem=problem)
        bundle = "\n".join(each for each in (self.settings.ca_bundle, sign_on.ca_bundle) if each)
        text = sessions_file(record, oidc_section(sign_on, provider, client_secret, bundle))
        host = allowed_form(provider.token_endpoint)
        return ServerSessions(text, record.with_provider(provider).text, host, problem)

    def _checked(self, observed: ObservedIndex, sign_on: SingleSignOn) -> str:
        """Return the client secret; raise Problem if the index may not use this provider, or has no secret."""
        if not self.settings.trusts(sign_on.issuer):
            raise _problem(
                "IssuerNotAllowed",
                f"Indexes may not use {sign_on.issuer}: have it added to oidc.allowedIssuers of the operator's Helm"
                " chart.",
            )
        if problem := bundle_problem("spec.web.oidc.caBundle", sign_on.ca_bundle, SINGLE_SIGN_ON_READY):
            raise problem
        return _client_secret(observed, sign_on)


def _client_secret(observed: ObservedIndex, sign_on: SingleSignOn) -> str:
    name, key, secret = sign_on.secret_name, sign_on.secret_key, observed.client_secret
    place = f"Secret {name} in namespace {observed.index.meta.namespace}"
    if secret is None:
        raise _problem("SecretNotFound", f"{place} does not exist: it needs {key}, the client secret of the index.")
    if (kind := secret.get("type", _SECRET_TYPE)) != _SECRET_TYPE:
        # Users who may write an index, and may not read a service account's token, must not have it
        # sent.
        raise _problem(
            "SecretTypeNotAllowed",
            f"{place} has the type {truncate(kind, 80)}: put the client secret into one of type {_SECRET_TYPE}.",
        )
    value = decoded(secret, key).strip()
    if not value:
        raise _problem("SecretKeyMissing", f"{place} has no {key}: it needs the client secret of the index.")
    if not _CLIENT_SECRET.fullmatch(value):
        raise _problem(
            "ClientSecretInvalid",
            f"{key} of {place} must have 1 to 2048 printable ASCII characters: copy it again.",
        )
    return value


def _last_known(record: SessionsRecord, issuer: str) -> Provider | None:
    """Return the provider in the record, None if there is none of this issuer. Others may have written it."""
    if record.provider.get("issuer") != issuer:
        return None
    try:
        return provider_of(record.provider, record.provider)
    except IssuerError:
        return None


def _unavailable(error: IssuerError, *, is_known: bool) -> Problem:
    what = "Its last known endpoints and keys stay in use." if is_known else _OTHERWISE
    return Problem(
        SINGLE_SIGN_ON_READY,
        "ProviderUnavailable",
        f"The provider cannot be read: {error}. Mend the provider or spec.web.oidc. {what}",
        stalled=False,
    )


def _problem(reason: str, message: str) -> Problem:
    return Problem(SINGLE_SIGN_ON_READY, reason, f"{message} {_OTHERWISE}")


def _new_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()

"""Whatever the operator writes, the server reads to the same values: docs/contract.md."""

import base64
import re
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st

from contract.test_schema_words import defaulted
from support.documents import ROOT
from support.issuers import TestIssuer
from support.properties import given
from support.tls import certificate_of_an_authority
from unit.wheelyard_operator.fakes import RSA_KEY, exception_body
from unit.wheelyard_operator.reconcile.fields import CERTIFICATES, OIDC, POLICY, TORCH
from wheelyard_operator import passwords as operator_passwords
from wheelyard_operator import tokens as operator_tokens
from wheelyard_operator.desired.access_file import AcceptedUser, TrustedIssuers, access_file, packed
from wheelyard_operator.desired.credentials import ChosenPassword, Credentials, Previous
from wheelyard_operator.desired.deployment import deployment
from wheelyard_operator.desired.index_file import EXTERNAL_PORT, METRICS_PORT, PORT, index_file
from wheelyard_operator.desired.sessions import SESSIONS_FILE, SessionsRecord, oidc_section, sessions_file
from wheelyard_operator.egress import EgressSettings
from wheelyard_operator.kubectl.verify_job import verify_job
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.openid_provider import Provider
from wheelyard_operator.policy_minimum import RULES, PolicyMinimum
from wheelyard_operator.provision import providers
from wheelyard_operator.reconcile import server_sessions
from wheelyard_operator.reconcile.server_policy import ServerPolicy
from wheelyard_operator.resource import IndexUser, PackageException, PackageIndex, SingleSignOn
from wheelyard_operator.resource.publishers import GITHUB_ISSUER
from wheelyard_operator.resource.rights import rights
from wheelyard_operator.settings import Settings
from wheelyard_server import __main__ as server_command_line
from wheelyard_server import settings as server_settings
from wheelyard_server.access import access_file as server_access
from wheelyard_server.access import session_file
from wheelyard_server.access import tokens as server_tokens
from wheelyard_server.access.authenticate import PresentedCredentials, authenticate
from wheelyard_server.access.open_id_provider import MappedGroup, OpenIdProvider
from wheelyard_server.access.passwords import PasswordChecker
from wheelyard_server.access.reloading import Access, access_of
from wheelyard_server.access.rules import ANONYMOUS, Method, Verb
from wheelyard_server.errors import InvalidPublisherError
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings import advisories as server_advisories
from wheelyard_server.settings import policy as server_policy
from wheelyard_server.settings import upstreams as server_upstreams
from wheelyard_server.settings import web as server_web
from wheelyard_server.settings import webhook as server_webhook
from wheelyard_server.settings.part import GIB

OPERATOR = Settings(image="image", region="eu-west-1", s3_endpoint="http://s3.example")
DEX = Provider(
    "https://dex.example.com", "https://dex.example.com/auth", "https://dex.example.com/token", (RSA_KEY,)
)
PASSWORDS = PasswordChecker(time.monotonic)
NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


def resource(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "wheelyard.dev/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": spec,
    }


def index(name: str = "main", namespace: str = "packages", **spec: Any) -> PackageIndex:
    storage = {"s3": {"bucket": "acme", "provision": {"bucket": True, "user": True}, **spec.pop("s3", {})}}
    return PackageIndex.parse(resource("PackageIndex", name, namespace, {"storage": storage, **spec}))


def schema_at(plural: str, path: str) -> Any:
    """Return the schema of a field."""
    crd = yaml.safe_load((ROOT / f"crds/wheelyard.dev_{plural}.yaml").read_text())
    found = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in path.split("."):
        found = found["properties"][name]
    return found


def schema_pattern(plural: str, path: str) -> str:
    return str(schema_at(plural, path)["pattern"])


def user(name: str, namespace: str, **spec: Any) -> IndexUser:
    return IndexUser.parse(resource("IndexUser", name, namespace, {"indexRef": {"name": "main"}, **spec}))


def login(who: IndexUser, where: PackageIndex, token: str) -> AcceptedUser:
    return AcceptedUser(who, rights(where, who), Credentials(token, "2026-01-01T00:00:00Z"))


@given(
    name=NAMES,
    namespace=NAMES,
    prefix=st.sampled_from(["", "team/", "a/b/"]),
    region=st.sampled_from(["", "us-west-2"]),
    endpoint=st.sampled_from(["", "https://minio.example:9000"]),
)
def test_the_server_parses_what_the_operator_writes_into_index_yaml(
    name: str, namespace: str, prefix: str, region: str, endpoint: str
) -> None:
    written = index_file(
        index(name, namespace, s3={"prefix": prefix, "region": region, "endpoint": endpoint}), OPERATOR
    )
    read = server_settings.parse(written.encode())
    assert read.index == f"{namespace}/{name}"
    assert read.storage.folder is None
    assert read.storage.s3 == server_settings.S3(
        bucket="acme", prefix=prefix, region=region or "eu-west-1", endpoint=endpoint or "http://s3.example"
    )
    assert read.listeners.cluster == server_settings.ListenAddress(host="0.0.0.0", port=PORT)  # noqa: S104
    assert read.listeners.external == server_settings.ListenAddress(host="0.0.0.0", port=EXTERNAL_PORT)  # noqa: S104
    assert read.listeners.metrics == server_settings.ListenAddress(host="0.0.0.0", port=METRICS_PORT)  # noqa: S104
    assert read.logs.format is server_settings.LogFormat.JSON
    assert (read.access_file, read.scratch_folder) == (
        Path("/etc/wheelyard/access/access.json.gz"),
        Path("/scratch"),
    )
    assert read.cache == server_settings.Cache(folder=Path("/cache"), max_bytes=5 * GIB)
    assert read.limits == server_settings.Limits()
    assert read.freshness == server_settings.Freshness()
    assert (read.shutdown.drain_seconds, read.shutdown.grace_seconds) == (5, 300)


def test_the_server_parses_the_index_yaml_of_a_volume() -> None:
    spec = {"storage": {"volume": {"size": "1Gi"}}}
    made = PackageIndex.parse(resource("PackageIndex", "main", "packages", spec))
    read = server_settings.parse(index_file(made, OPERATOR).encode())
    assert read.storage == server_settings.StorageSettings(folder=server_settings.Folder(path=Path("/data")))
    assert read.cache is None


def test_index_yaml_says_where_traces_go() -> None:
    assert server_settings.parse(index_file(index(), OPERATOR).encode()).tracing is None
    traced = replace(OPERATOR, tracing_endpoint="https://collector:4318", tracing_ratio=0.25)
    read = server_settings.parse(index_file(index(), traced).encode())
    assert read.tracing == server_settings.TracingSettings(endpoint="https://collector:4318", ratio=0.25)


def test_index_yaml_says_how_to_serve() -> None:
    made = index(
        freshness={"fresh": "2s", "stale": "1m"},
        limits={"fileSize": "500Mi", "metadataSize": "1Mi", "projectFiles": 10},
        cache={"size": "123456"},
    )
    read = server_settings.parse(index_file(made, OPERATOR).encode())
    assert read.cache is not None
    assert read.cache.max_bytes == 123456
    assert read.limits == server_settings.Limits(
        file_bytes=500 * 2**20, metadata_bytes=2**20, project_files=10, scratch_bytes=2000 * 2**20
    )
    assert (read.freshness.fresh_seconds, read.freshness.stale_seconds) == (2, 60)


def test_index_yaml_says_what_is_taken() -> None:
    for spec, accept in (
        ({}, server_settings.Accept.INSTALLABLE),
        ({"uploads": {}}, server_settings.Accept.INSTALLABLE),
        ({"uploads": {"accept": "Installable"}}, server_settings.Accept.INSTALLABLE),
        ({"uploads": {"accept": "WellFormed"}}, server_settings.Accept.WELL_FORMED),
    ):
        assert server_settings.parse(index_file(index(**spec), OPERATOR).encode()).uploads.accept is accept


def test_index_yaml_has_which_clients_are_redirected_to_s3() -> None:
    assert server_settings.parse(index_file(index(), OPERATOR).encode()).redirects is None
    inside = server_settings.parse(index_file(index(redirects={"cluster": {}}), OPERATOR).encode())
    assert inside.redirects == server_settings.Redirects(cluster=server_settings.Redirect())
    outside = {"minSize": "1Gi", "external": {"endpoint": "https://s3.example:9000"}}
    read = server_settings.parse(index_file(index(redirects=outside), OPERATOR).encode())
    assert read.redirects == server_settings.Redirects(
        min_bytes=2**30, external=server_settings.Redirect(endpoint="https://s3.example:9000")
    )


def test_index_yaml_says_nothing_of_upstreams_without_any() -> None:
    written = yaml.safe_load(index_file(index(), OPERATOR))
    assert {"upstreams", "names", "egress"} & set(written) == set()
    assert "mirroredBytes" not in written["limits"]


def test_index_yaml_says_which_names_are_private() -> None:
    read = server_settings.parse(index_file(index(names={"private": ["acme-*"]}), OPERATOR).encode())
    assert (read.names.private, read.upstreams) == (("acme-*",), ())


def test_index_yaml_has_the_upstreams_in_order() -> None:
    authority = certificate_of_an_authority()
    torch = {
        "name": "torch",
        "url": "http://torch.example:8081/whl/cu124/",
        "packages": ["torch*", "triton"],
        "fileHosts": ["files.example", "files.example:8443"],
        "credentials": {"secretRef": {"name": "torch"}, "forFiles": True},
        "caBundle": authority,
        "freshness": {"fresh": "1m", "stale": "7d"},
        "absentOn": [403],
        "offline": True,
    }
    made = index(upstreams=[torch, {"name": "pypi", "pypi": {}}], limits={"mirroredSize": "5Gi"})
    egress = EgressSettings(proxy="http://proxy:3128", no_proxy=("svc",), denied_networks=("203.0.113.0/24",))
    read = server_settings.parse(index_file(made, replace(OPERATOR, egress=egress)).encode())
    assert read.upstreams == (
        server_upstreams.UpstreamSettings(
            name="torch",
            url="http://torch.example:8081/whl/cu124/",
            packages=("torch*", "triton"),
            file_hosts=("files.example", "files.example:8443"),
            credentials_folder=Path("/etc/wheelyard/upstreams/torch"),
            credentials_for_files=True,
            ca_bundle=authority,
            freshness=server_upstreams.UpstreamFreshness(fresh_seconds=60, stale_seconds=7 * 86_400),
            absent_on=(403,),
            offline=True,
        ),
        server_upstreams.UpstreamSettings(name="pypi", pypi=server_upstreams.PyPI()),
    )
    assert read.egress == server_upstreams.Egress(
        allowed_hosts=("files.example", "files.example:8443", "osv", "proxy:3128", "pypi", "torch.example:8081"),
        proxy="http://proxy:3128",
        no_proxy=("svc",),
        denied_networks=("203.0.113.0/24",),
    )
    assert read.limits.mirrored_bytes == 5 * GIB


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(
    lambda text: not re.search(r"[\x00-\x1f\x7f-\x9f]", text)
)
"""What the schema lets people write as a reason."""
VERSIONS = schema_pattern("packageexceptions", "spec.versions")


def policy_of(index: PackageIndex, *exceptions: PackageException) -> server_policy.PolicyFile:
    """Return what the server reads from the policy file of an index."""
    observed = ObservedIndex(index, (), None, None, None, (), None, None, exceptions=exceptions)
    made = ServerPolicy.of(observed, PolicyMinimum(), "2026-11-30T12:00:00Z", lacks_feed=False)
    assert made is not None
    return server_policy.parse_policy(made.text.encode())


def test_the_server_parses_what_the_operator_writes_into_the_policy_file() -> None:
    policy = {**POLICY, "exceptionsFrom": [{"namespaces": ["ci"], "rules": ["cooldown"]}]}
    asked = PackageException.parse(exception_body(approvedBy="ann", advisories=["GHSA-1"]))
    read = policy_of(index(policy=policy, names={"private": ["acme-*"]}, upstreams=[TORCH]), asked)
    rules = read.policy
    assert read.names.private == ("acme-*",)
    assert (rules.cooldown.age, rules.cooldown.fixes) == ("7d", "4h")
    assert rules.cooldown.first_sight == {"torch": server_policy.FirstSight.SETTLED}
    assert (rules.deny[0].packages, rules.deny[0].versions) == (("python-jwt",), "<4")
    assert rules.allow is not None
    assert rules.allow.releases[0].packages == ("numpy",)
    assert rules.malware.action is server_policy.Action.BLOCK
    assert (rules.vulnerabilities.action, rules.vulnerabilities.known) == (server_policy.Action.REPORT, "30d")
    assert rules.licenses.deny == ("AGPL-3.0-*",)
    assert rules.formats.allow == (server_policy.Format.WHEEL,)
    assert rules.provenance.action is server_policy.Action.BLOCK
    own, other = rules.exceptions
    assert (own.source, own.until) == ("", datetime(2027, 1, 16, tzinfo=UTC))
    assert (other.source, other.until) == ("ci/urllib3", datetime(2026, 12, 16, tzinfo=UTC))
    assert (other.packages, other.versions) == (("urllib3",), "==2.6.1")
    assert (other.rules, other.advisories) == ((server_policy.ExceptableRule.COOLDOWN,), ("GHSA-1",))


def test_an_index_with_upstreams_has_the_servers_defaults() -> None:
    written = defaulted({}, schema_at("packageindexes", "spec.policy"))
    assert written.keys() == {"cooldown", "malware"}
    assert policy_of(index(policy=written)) == server_policy.PolicyFile()
    assert policy_of(index(upstreams=[TORCH])) == server_policy.PolicyFile()
    week = server_policy.Cooldown(action=server_policy.Action.BLOCK, age="7d")
    assert server_policy.PolicyRules().cooldown == week
    assert server_policy.PolicyRules().malware.action is server_policy.Action.BLOCK


@given(reason=TEXTS, versions=st.from_regex(VERSIONS, fullmatch=True).filter(lambda text: len(text) <= 200))
def test_nothing_that_a_tenant_may_write_makes_the_policy_unreadable(reason: str, versions: str) -> None:
    consent = {"exceptionsFrom": [{"namespaces": ["ci"], "rules": ["cooldown"]}]}
    asked = PackageException.parse(exception_body(reason=reason, approvedBy=reason[:100], versions=versions))
    (read,) = policy_of(index(policy=consent), asked).policy.exceptions
    assert (read.reason, read.approved_by, read.versions) == (reason, reason[:100], versions)


def test_both_programs_have_the_same_rules_for_exceptions() -> None:
    assert [each.value for each in server_policy.ExceptableRule] == list(RULES)
    assert schema_at("packageexceptions", "spec.from")["items"]["enum"] == list(RULES)
    exceptions = schema_at("packageindexes", "spec.policy.exceptions")["items"]["properties"]
    assert exceptions["from"]["items"]["enum"] == list(RULES)


def test_index_yaml_has_the_webhook() -> None:
    authority = certificate_of_an_authority()
    hook = {
        "url": "https://hooks.example:8443/a",
        "secretRef": {"name": "signing"},
        "events": ["blocked"],
        "caBundle": authority,
    }
    egress = EgressSettings(proxy="http://proxy:3128", denied_networks=("203.0.113.0/24",))
    read = server_settings.parse(index_file(index(webhook=hook), replace(OPERATOR, egress=egress)).encode())
    assert read.webhook == server_webhook.WebhookSettings(
        url="https://hooks.example:8443/a",
        secret_folder=Path("/etc/wheelyard/webhook"),
        events=(server_webhook.EventKind.BLOCKED,),
        ca_bundle=authority,
        allowed_hosts=("hooks.example:8443",),
    )
    assert (read.egress.allowed_hosts, read.egress.denied_networks) == (("proxy:3128",), ("203.0.113.0/24",))
    least = {key: hook[key] for key in ("url", "secretRef")}
    read = server_settings.parse(index_file(index(webhook=least), OPERATOR).encode())
    assert read.webhook is not None
    assert read.webhook.events == tuple(server_webhook.EventKind)
    assert schema_at("packageindexes", "spec.webhook.events")["items"]["enum"] == list(server_webhook.EventKind)


def test_index_yaml_says_which_pages_there_are() -> None:
    for web, expected, sessions in (
        ({}, server_web.WebSettings(), Path("/etc/wheelyard/access/sessions.yaml")),
        ({"images": True}, server_web.WebSettings(images=True), Path("/etc/wheelyard/access/sessions.yaml")),
        ({"enabled": False}, server_web.WebSettings(enabled=False), None),
    ):
        read = server_settings.parse(index_file(index(web=web), OPERATOR).encode())
        assert (read.web, read.sessions_file) == (expected, sessions)
    assert server_web.SESSIONS_FILE == SESSIONS_FILE


def test_the_server_parses_the_key_of_sessions_and_their_end() -> None:
    made = SessionsRecord().after("", "2026-11-30T12:00:00Z", server_sessions._new_key)
    read = session_file.parse(sessions_file(made).encode())
    assert (len(read.keys), read.not_before, read.oidc) == (1, None, None)
    ended = made.after("1", "2026-11-30T12:00:00Z", server_sessions._new_key)
    read_later = session_file.parse(sessions_file(ended).encode())
    assert read_later.not_before == datetime(2026, 11, 30, 12, 0, 1, tzinfo=UTC)
    assert read_later.keys != read.keys


SESSIONS_KEY = base64.urlsafe_b64encode(bytes(32)).decode()
PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=253)
ENDPOINTS = st.from_regex(providers._ENDPOINT, fullmatch=True).filter(providers._is_endpoint)
"""All that the operator takes from a discovery document."""


@given(
    endpoint=ENDPOINTS,
    client=PRINTABLE,
    claim=PRINTABLE,
    secret=PRINTABLE,
    group=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=253).filter(
        lambda text: not re.search(r"[\x00-\x1f\x7f]", text)
    ),
)
def test_the_server_parses_every_provider_that_the_operator_may_write(
    endpoint: str, client: str, claim: str, secret: str, group: str
) -> None:
    """A file that servers refuse would cost the login by form, too."""
    body = {**OIDC, "clientId": client, "groupsClaim": claim, "groups": [{"provider": group, "group": "platform"}]}
    provider = replace(DEX, authorization_endpoint=endpoint, token_endpoint=endpoint)
    section = oidc_section(SingleSignOn.parse(body), provider, secret, CERTIFICATES[0])
    read = session_file.parse(sessions_file(SessionsRecord(SESSIONS_KEY), section).encode())
    assert read.oidc == OpenIdProvider(
        issuer="https://ci.example",
        client_id=client,
        client_secret=secret,
        authorization_endpoint=endpoint,
        token_endpoint=endpoint,
        keys=(RSA_KEY,),
        scopes=("openid",),
        groups_claim=claim,
        groups=(MappedGroup(provider=group, group="platform"),),
        ca_bundle=CERTIFICATES[0],
    )


def test_index_yaml_has_the_feed_of_advisories_and_the_fetch_log() -> None:
    authority = certificate_of_an_authority()
    feed = {"url": "https://mirror.example/osv/", "caBundle": authority, "poll": "1m"}
    log = {"retention": "30d", "addresses": "Network"}
    read = server_settings.parse(index_file(index(advisories=feed, fetchLog=log), OPERATOR).encode())
    assert read.advisories == server_advisories.AdvisorySettings(
        url="https://mirror.example/osv/", ca_bundle=authority, poll_seconds=60
    )
    assert (read.fetch_log.days, read.fetch_log.addresses.value) == (30, "Network")
    assert read.egress.allowed_hosts == ("mirror.example",)
    read = server_settings.parse(index_file(index(upstreams=[TORCH]), OPERATOR).encode())
    assert read.advisories == server_advisories.AdvisorySettings(osv=server_advisories.Osv())
    assert read.fetch_log == server_settings.FetchLogSettings()
    assert "osv" in read.egress.allowed_hosts
    addresses = schema_at("packageindexes", "spec.fetchLog.addresses")["enum"]
    assert addresses == [each.value for each in server_settings.RecordedAddresses]


def test_an_upstream_that_the_platform_does_not_allow_is_offline_and_none_of_the_hosts() -> None:
    other = {"name": "other", "url": "https://other.example/simple/", "packages": ["other-*"]}
    made = index(upstreams=[other, {"name": "pypi", "pypi": {}}])
    read = server_settings.parse(index_file(made, OPERATOR, {"other"}).encode())
    assert [(each.name, each.offline) for each in read.upstreams] == [("other", True), ("pypi", False)]
    assert read.upstreams[0].packages == ("other-*",)
    assert read.egress.allowed_hosts == ("osv", "pypi")


def test_index_yaml_says_whose_word_on_clients_counts() -> None:
    networks = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/24"]
    made = index(external={"trustedProxies": networks})
    read = server_settings.parse(index_file(made, OPERATOR).encode())
    assert read.listeners.external is not None
    assert [str(each) for each in read.listeners.external.networks()] == [*networks[:2], "192.0.2.0/24"]
    assert read.listeners.cluster.networks() == ()


@pytest.mark.parametrize(
    ("url", "path"),
    [("", ""), ("https://a.example/", ""), ("https://a/team/pypi", "/team/pypi"), ("http://a:80/x/", "/x")],
)
def test_index_yaml_says_below_which_path_a_proxy_serves_it(url: str, path: str) -> None:
    made = index(external={"url": url})
    read = server_settings.parse(index_file(made, OPERATOR).encode())
    assert read.listeners.external is not None
    assert (read.listeners.external.path, read.listeners.cluster.path) == (path, "")
    assert made.external.url == (f"{url.rstrip('/')}/" if url else "")


def test_index_yaml_says_which_sites_may_read_it() -> None:
    origins = ["https://notebooks.example.com", "http://localhost:8888", "*"]
    made = index(external={"allowedOrigins": origins})
    read = server_settings.parse(index_file(made, OPERATOR).encode())
    assert read.listeners.external is not None
    assert list(read.listeners.external.allowed_origins) == origins
    assert read.listeners.cluster.allowed_origins == ()


def read(text: str) -> Access:
    mounted = base64.b64decode(packed(text))
    return access_of(server_access.parse(mounted))


def show(authorization: str) -> PresentedCredentials:
    return PresentedCredentials(authorization, "192.0.2.1", datetime.now(UTC))


async def test_the_server_parses_what_the_operator_writes_into_the_access_file() -> None:
    token = operator_tokens.new_token(secrets.token_bytes)
    jenkins = user("jenkins", "ci", groups=["publishers"], grants=[{"verbs": ["read", "publish", "delete"]}])
    group = {
        "subjects": ["group:publishers"],
        "packages": ["shared"],
        "verbs": ["publish", "yank", "delete", "manage"],
    }
    outside = [{"subjects": ["authenticated"], "verbs": ["read"], "packages": ["shared"]}]
    maximum = {"groups": ["publishers"], "grants": [{"packages": ["acme-*"], "verbs": ["read", "publish"]}]}
    main = index(
        access={
            "grants": [{"subjects": ["anonymous"], "verbs": ["read"]}, group],
            "externalGrants": outside,
            "users": {"namespaces": {"from": "All"}, "maximum": maximum},
        }
    )
    access = read(access_file(main, [login(jenkins, main, token)], TrustedIssuers()))
    rules, principal = access.rules, await authenticate(show(f"Bearer {token}"), access.accepted_users, PASSWORDS)
    assert principal.name == "ci.jenkins"
    acme, shared, other = (parse_project_name(name) for name in ("acme-lib", "shared", "other"))
    for project, publishes in ((acme, True), (shared, True), (other, False)):
        assert rules.allows(principal, Verb.PUBLISH, project) is publishes
        assert rules.allows(principal, Verb.READ, project)
        assert rules.allows(ANONYMOUS, Verb.READ, project)
        assert not rules.allows(ANONYMOUS, Verb.PUBLISH, project)
        assert not rules.external.allows(ANONYMOUS, Verb.READ, project)
        assert rules.external.allows(principal, Verb.READ, project) is publishes
        assert rules.allows(principal, Verb.DELETE, project) is (project == shared)


@pytest.mark.parametrize("names", [(), ("a",), ("a", "b")])
def test_an_access_file_without_rights_is_valid(names: tuple[str, ...]) -> None:
    accepted_users = [
        login(user(name, "ci"), index(), operator_tokens.new_token(secrets.token_bytes)) for name in names
    ]
    access = read(access_file(index(), accepted_users, TrustedIssuers()))
    assert len(access.accepted_users.by_token) == len(names)
    assert access.rules.grants == ()


def test_ten_thousand_users_fit_into_a_secret() -> None:
    """Also while all of them have two tokens, since a rotation lets the one before live on for a while."""
    where = index(access={"users": {"namespaces": {"from": "All"}}})
    before = Previous(operator_tokens.digest("a"), "2026-01-01T00:00:00Z")

    def one(number: int) -> AcceptedUser:
        own = [{"packages": [f"app{number}-*"], "verbs": ["read", "publish"]}]
        who = user(f"user{number}", f"team-{number % 200}", serviceAccounts=[{"name": "agent"}], grants=own)
        token = operator_tokens.new_token(secrets.token_bytes)
        previous = (replace(before, digest=operator_tokens.digest(f"{number}")),)
        return AcceptedUser(who, rights(where, who), Credentials(token, "2026-01-01T00:00:00Z", previous=previous))

    mounted = base64.b64decode(
        packed(access_file(where, map(one, range(10_000)), TrustedIssuers("https://issuer")))
    )
    assert len(mounted) < 2**20, "https://kubernetes.io/docs/concepts/configuration/secret/#restriction-data-size"
    assert len(access_of(server_access.parse(mounted)).accepted_users.by_token) == 20_000


async def test_every_way_to_log_in_is_in_the_access_file() -> None:
    cluster, github = TestIssuer("https://kubernetes.default.svc"), TestIssuer(GITHUB_ISSUER, number=1)
    named = {"repository": "acme/app", "workflow": "release.yml", "environment": "pypi"}
    publisher = {"github": {**named, "repositoryOwnerId": 9919}}
    jenkins = user("jenkins", "ci", serviceAccounts=[{"name": "agent"}], trustedPublishers=[publisher])
    password = operator_passwords.hashed("correct horse")
    credentials = Credentials(password=ChosenPassword(password.hash, password.over, "uid/1"))
    keys = ((cluster.url, cluster.public.keys), (github.url, github.public.keys))
    trust = TrustedIssuers(cluster.url, keys, base64.urlsafe_b64encode(bytes(32)).decode(), frozenset({github.url}))
    access = read(access_file(index(), [AcceptedUser(jenkins, rights(index(), jenkins), credentials)], trust))
    agent = cluster.sign(sub="system:serviceaccount:ci:agent")
    claims: dict[str, Any] = {
        "repository": "acme/app",
        "job_workflow_ref": "acme/app/.github/workflows/release.yml@refs/tags/v1",
        "environment": "pypi",
        "repository_owner_id": "9919",
    }
    renamed = access.accepted_users.verifier.verify(
        github.sign(**{**claims, "repository_owner_id": "1"}), datetime.now(UTC)
    )
    with pytest.raises(InvalidPublisherError):
        access.accepted_users.mint.user_for(renamed)
    job = access.accepted_users.verifier.verify(github.sign(**claims), datetime.now(UTC))
    minted = access.accepted_users.mint.mint(
        *access.accepted_users.mint.user_for(job), job, datetime.now(UTC)
    ).token
    basic = base64.b64encode(b"ci.jenkins:correct horse").decode()
    methods = [
        await authenticate(show(each), access.accepted_users, PASSWORDS)
        for each in (f"Basic {basic}", f"Bearer {agent}", f"Bearer {minted}")
    ]
    assert [(each.name, each.method) for each in methods] == [
        ("ci.jenkins", Method.PASSWORD),
        ("ci.jenkins", Method.SERVICE_ACCOUNT),
        ("ci.jenkins", Method.TRUSTED_PUBLISHER),
    ]


def test_tokens_are_the_same_on_both_sides() -> None:
    for _ in range(200):
        for token in (operator_tokens.new_token(secrets.token_bytes), server_tokens.make()):
            assert server_tokens.is_well_formed(token)
            assert operator_tokens.is_token(token)
            assert operator_tokens.digest(token) == server_tokens.digest(token)
        broken = token[:-1] + ("0" if token[-1] != "0" else "1")
        assert not server_tokens.is_well_formed(broken)
        assert not operator_tokens.is_token(broken)


def test_the_examples_of_the_contract_are_what_the_server_reads() -> None:
    text = (Path(__file__).parents[2] / "docs/contract.md").read_text()
    shown = re.findall(r"```yaml title=[^\n]*\n(.*?)```", text, re.DOTALL)
    index_yaml, limits, access_yaml, sessions_yaml, policy_yaml = shown
    read = server_settings.parse(index_yaml.encode())
    assert read.index == "packages/main"
    storage = index_yaml.replace(re.findall(r"limits: .*", index_yaml)[0], limits)
    defaults = server_settings.parse(storage.encode())
    assert (defaults.limits, defaults.performance) == (server_settings.Limits(), server_settings.Performance())
    access = access_yaml.replace("sha256:9f86d0...", "sha256:" + "0" * 64)
    assert server_access.parse(access.encode()).grants[0].subjects == ("anonymous",)
    assert session_file.parse(sessions_yaml.encode()).keys
    sign_on = SingleSignOn.parse({**OIDC, "caBundle": "PEM"})
    written = sessions_file(SessionsRecord("key", "2026-11-30T12:00:00Z"), oidc_section(sign_on, DEX, "s", "PEM"))
    shape, example = yaml.safe_load(written), yaml.safe_load(sessions_yaml)
    assert (list(example), list(example["oidc"])) == (list(shape), list(shape["oidc"]))
    names = server_upstreams.Names(private=("acme-*",))
    assert server_policy.parse_policy(policy_yaml.encode()) == server_policy.PolicyFile(names=names)


def test_the_check_of_kubectl_wheelyard_is_a_command_of_the_server() -> None:
    live = deployment(index(), OPERATOR, config_digest="", credentials_digest="")
    job = verify_job(index(), live, "abc123", ["--quick", "--json"])
    program, *arguments = job["spec"]["template"]["spec"]["containers"][0]["command"]
    parsed = server_command_line._parser().parse_args(arguments)
    assert program == "wheelyard"
    assert (str(parsed.config), parsed.quick, parsed.json) == ("/etc/wheelyard/config/index.yaml", True, True)
    (config,) = (each for each in live["spec"]["template"]["spec"]["volumes"] if each["name"] == "config")
    assert config in job["spec"]["template"]["spec"]["volumes"]

"""For each field of both schemas another value, and where the change of it shows.

A scene has a value for every field that goes together; a case changes one of them.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

from certifi import contents

from wheelyard_operator.resource.publishers import GITHUB_ISSUER

Spec = dict[str, Any]

ISSUERS = (
    "https://ci.example",
    "https://other.example",
    "https://gitlab.com",
    "https://git.example",
    GITHUB_ISSUER,
)
"""Whose tokens users may trust in all scenes."""
READER = "arn:aws:iam::111122223333:role/reader"
"""A role that indexes may name in all scenes."""
ENDPOINTS = ("http://one.example:9000", "http://two.example:9000")
"""Other S3 servers that indexes may name in all scenes."""


EXCEPTION = {
    "packages": ["urllib3"],
    "versions": "==2.6.1",
    "advisories": ["GHSA-1"],
    "from": ["cooldown"],
    "until": "2026-12-15",
    "reason": "SEC-412",
    "approvedBy": "ann",
}


@dataclass(frozen=True)
class Scene:
    """An index, and two of its users: jenkins of its own namespace, far of another one."""

    index: Spec
    jenkins: Spec = field(default_factory=lambda: {"indexRef": {"name": "main"}})
    far: Spec = field(default_factory=lambda: {"indexRef": {"name": "main", "namespace": "packages"}})
    urllib3: Spec = field(
        default_factory=lambda: {"indexRef": {"name": "main", "namespace": "packages"}, **copy.deepcopy(EXCEPTION)}
    )
    """A PackageException of the other namespace."""
    has_bucket: bool = False
    """Whether somebody has made the bucket before."""


@dataclass(frozen=True)
class Case:
    """Another value than the scene's, and all that becomes different with it.

    Kinds of objects; `index.yaml`, `policy.yaml`, `access file`, `sessions` (sessions.yaml), `pods`
    (their template), `logins` (the content of users' Secrets); `index status`, `user status` and
    `exception status`, with the finalizers; `S3` and `IAM`, the requests to them.
    """

    value: Any
    shown: str
    scene: str = "everything"
    also: Spec = field(default_factory=dict)
    """What a rule of the schema wants to be changed with it, by path; None is left out."""


def peers(name: str) -> list[Spec]:
    return [
        {"namespaceSelector": {"matchLabels": {"team": name}}, "podSelector": {"matchLabels": {"app": name}}},
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
    ]


DIGESTS = ["0" * 64, "1" * 64]
POLICY = {
    "cooldown": {"action": "Block", "age": "7d", "fixes": "4h", "firstSight": {"torch": "Settled"}},
    "deny": [
        {
            "packages": ["python-jwt"],
            "versions": "<4",
            "sha256": [DIGESTS[0]],
            "reason": "use pyjwt",
            "action": "Block",
        }
    ],
    "allow": {"action": "Block", "releases": [{"packages": ["numpy"], "versions": ""}]},
    "malware": {"action": "Block", "requireFeed": False},
    "vulnerabilities": {"action": "Report", "severity": "Critical", "known": "30d"},
    "licenses": {"action": "Block", "allow": [], "deny": ["AGPL-3.0-*"], "unknown": "Allow"},
    "formats": {"action": "Block", "allow": ["wheel"]},
    "provenance": {"action": "Block", "packages": ["*"]},
    "exceptions": [{**EXCEPTION, "until": "2027-01-15"}],
    "exceptionsFrom": [
        {"namespaces": ["ci"], "packages": ["urllib3"], "rules": ["cooldown", "deny"], "maximum": "30d"}
    ],
}
S3 = {"bucket": "acme", "region": "us-east-1", "prefix": "", "endpoint": ""}
PEERS = {
    name: peers(name) for name in ("clusterFrom", "externalFrom", "metricsFrom", "storageTo", "dnsTo", "upstreamTo")
}
GRANT = {"subjects": ["anonymous"], "packages": ["*"], "verbs": ["read"]}
ROLE = "eks.amazonaws.com/role-arn"
CERTIFICATES = [
    f"{each}-----END CERTIFICATE-----\n" for each in contents().split("-----END CERTIFICATE-----\n")[:2]
]
TORCH = {
    "name": "torch",
    "url": "https://torch.example/whl/",
    "packages": ["torch*"],
    "fileHosts": ["files.torch.example"],
    "credentials": {"secretRef": {"name": "keys"}, "forFiles": True},
    "caBundle": CERTIFICATES[0],
    "freshness": {"fresh": "10m", "stale": "24h"},
    "absentOn": [403],
    "offline": False,
}
OIDC = {
    "issuer": "https://ci.example",
    "clientId": "wheelyard",
    "clientSecretRef": {"name": "client", "key": "clientSecret"},
    "scopes": ["openid"],
    "groupsClaim": "groups",
    "groups": [{"provider": "platform-team", "group": "platform"}],
    "caBundle": CERTIFICATES[0],
}
DOMAIN = {"domain": "acme", "domainOwner": "111122223333", "region": "eu-west-1", "roleARN": ""}
TERM = {"key": "team", "operator": "In", "values": ["ci"]}

SCENES = {
    "everything": Scene(
        index={
            "storage": {"s3": {**S3, "provision": {"bucket": True, "user": True, "rotateEvery": "2160h"}}},
            "deletionPolicy": "Retain",
            "replicas": 2,
            "autoscaling": {"minReplicas": 2, "maxReplicas": 5, "targetCPUUtilizationPercentage": 80},
            "resources": {
                "requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"cpu": "1", "memory": "512Mi"},
            },
            "nodeSelector": {"disk": "fast"},
            "tolerations": [
                {
                    "key": "only",
                    "operator": "Equal",
                    "value": "pypi",
                    "effect": "NoExecute",
                    "tolerationSeconds": 60,
                }
            ],
            "priorityClassName": "",
            "external": {
                "url": "",
                "trustedProxies": ["10.0.0.0/8"],
                "allowedOrigins": ["https://notebooks.example.com"],
            },
            "ingress": {
                "host": "pypi.example.com",
                "className": "traefik",
                "annotations": {"cert-manager.io/duration": "2160h"},
                "tls": {"secretName": "", "issuerRef": {"kind": "Issuer", "name": "corp"}},
            },
            "httpRoute": {
                "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https", "port": 443}],
                "hostnames": ["pypi.example.com"],
            },
            "networkPolicy": {**PEERS, "storagePorts": [9000], "upstreamPorts": [8081]},
            "monitoring": {"serviceMonitor": {"labels": {"release": "one"}, "interval": "30s"}},
            "freshness": {"fresh": "0s", "stale": "1h"},
            "limits": {"fileSize": "5Gi", "metadataSize": "2Mi", "projectFiles": 20000, "mirroredSize": "500Gi"},
            "names": {"private": ["acme-*"]},
            "upstreams": [TORCH],
            "policy": POLICY,
            "advisories": {"url": "https://mirror.example:7443/osv/", "caBundle": CERTIFICATES[0], "poll": "2m"},
            "fetchLog": {"retention": "90d", "addresses": "Full"},
            "webhook": {
                "url": "https://hooks.example:9443/a",
                "secretRef": {"name": "signing"},
                "events": ["published"],
                "caBundle": CERTIFICATES[0],
            },
            "web": {"enabled": True, "images": False, "oidc": OIDC},
            "uploads": {"accept": "Installable"},
            "cache": {"size": "5Gi"},
            "redirects": {"minSize": "100Mi", "cluster": {"endpoint": ""}, "external": {"endpoint": ""}},
            "access": {
                # Two objects: a copy of a scene would otherwise change both.
                "grants": [{**GRANT}],
                "externalGrants": [{**GRANT}],
                "users": {
                    "namespaces": {
                        "from": "Selector",
                        "selector": {"matchLabels": {"team": "ci"}, "matchExpressions": [TERM]},
                    },
                    "maximum": {
                        "groups": ["publishers"],
                        "grants": [{"packages": ["*"], "verbs": ["read", "publish"]}],
                    },
                },
            },
        },
        jenkins={
            "indexRef": {"name": "main", "namespace": "packages"},
            "groups": ["publishers"],
            "grants": [{"packages": ["*"], "verbs": ["publish"]}],
            "credentials": {
                "secretName": "",
                "listener": "Cluster",
                "token": True,
                "rotateEvery": "720h",
                "overlap": "1h",
            },
            "serviceAccounts": [{"name": "builder"}],
            "trustedPublishers": [
                {
                    "github": {
                        "repository": "acme/app",
                        "repositoryOwnerId": 9919,
                        "workflow": "release.yml",
                        "environment": "",
                    }
                },
                {
                    "gitlab": {
                        "url": "https://gitlab.com",
                        "project": "acme/app",
                        "projectId": 278964,
                        "configFile": ".gitlab-ci.yml",
                        "environment": "",
                    }
                },
                {"oidc": {"issuer": "https://ci.example", "claims": {"sub": "job"}}},
            ],
        },
        far={
            "indexRef": {"name": "main", "namespace": "packages"},
            "groups": ["publishers"],
            "grants": [{"packages": ["acme-*"], "verbs": ["read"]}],
        },
    ),
    "few servers": Scene({"storage": {"s3": {**S3, "provision": {"bucket": True, "user": True}}}, "replicas": 2}),
    "volume": Scene({"storage": {"volume": {"size": "20Gi", "storageClassName": "fast"}}, "replicas": 1}),
    "keys": Scene(
        {
            "storage": {
                "s3": {
                    **S3,
                    "endpoint": ENDPOINTS[0],
                    "provision": {},
                    "credentials": {"secretRef": {"name": "keys"}},
                }
            }
        },
        has_bucket=True,
    ),
    "role": Scene(
        {
            "storage": {
                "s3": {
                    **S3,
                    "provision": {"bucket": True},
                    "credentials": {"serviceAccount": {"annotations": {ROLE: "arn:aws:iam::1:role/one"}}},
                }
            }
        }
    ),
    "pypi": Scene(
        {
            "storage": {"volume": {"size": "20Gi"}},
            "replicas": 1,
            "upstreams": [{"name": "a", "pypi": {}}],
            "advisories": {"osv": {}},
        }
    ),
    "tokens": Scene(
        {
            "storage": {"s3": {**S3, "provision": {"bucket": True, "user": True}}},
            "upstreams": [{"name": "a", "url": "https://a.example/", "credentials": {"codeArtifact": DOMAIN}}],
            "advisories": {"none": {}},
        }
    ),
    "rotating": Scene(
        {"storage": {"volume": {"size": "20Gi"}}, "replicas": 1},
        jenkins={"indexRef": {"name": "main"}, "credentials": {"rotateEvery": "8m", "overlap": "1m"}},
    ),
    "password": Scene(
        {"storage": {"volume": {"size": "20Gi"}}, "replicas": 1},
        jenkins={"indexRef": {"name": "main"}, "credentials": {"passwordSecretRef": {"name": "chosen"}}},
    ),
}


def _peer_cases(name: str) -> dict[str, Case]:
    below = f"networkPolicy.{name}[]"
    return {
        f"{below}.namespaceSelector.matchLabels": Case({"team": "other"}, "NetworkPolicy"),
        f"{below}.podSelector.matchLabels": Case({"app": "other"}, "NetworkPolicy"),
        f"{below}.ipBlock.cidr": Case("10.0.0.0/9", "NetworkPolicy"),
        f"{below}.ipBlock.except": Case([], "NetworkPolicy"),
    }


INDEX_CASES: dict[str, Case] = {
    "storage.s3.bucket": Case("other", "IAM, S3, index status, index.yaml, pods"),
    "storage.s3.region": Case("eu-west-1", "S3, index.yaml, pods"),
    "storage.s3.prefix": Case("team/", "IAM, S3, index.yaml, pods"),
    "storage.s3.endpoint": Case(ENDPOINTS[1], "S3, index.yaml, pods", "keys"),
    "storage.s3.provision.bucket": Case(False, "Deployment, IAM, S3, Secret, index status, index.yaml, pods"),
    "storage.s3.provision.user": Case(
        False,
        "IAM, S3, Secret, index status, pods",
        also={"storage.s3.credentials": {"secretRef": {"name": "keys"}}},
    ),
    "storage.s3.provision.rotateEvery": Case("720h", "index status"),
    "storage.s3.credentials.secretRef.name": Case("other-keys", "S3, index status, pods", "keys"),
    "storage.s3.credentials.serviceAccount.annotations": Case(
        {ROLE: "arn:aws:iam::1:role/two"}, "ServiceAccount, pods", "role"
    ),
    "storage.volume.size": Case("30Gi", "PersistentVolumeClaim", "volume"),
    "storage.volume.storageClassName": Case("slow", "PersistentVolumeClaim", "volume"),
    "deletionPolicy": Case("Delete", "index status"),
    "replicas": Case(1, "Deployment, PodDisruptionBudget, index status", "few servers"),
    "autoscaling.minReplicas": Case(3, "Deployment, HorizontalPodAutoscaler, index status"),
    "autoscaling.maxReplicas": Case(6, "HorizontalPodAutoscaler"),
    "autoscaling.targetCPUUtilizationPercentage": Case(70, "HorizontalPodAutoscaler"),
    "resources.requests.cpu": Case("200m", "pods"),
    "resources.requests.memory": Case("256Mi", "pods"),
    "resources.limits.cpu": Case("2", "pods"),
    "resources.limits.memory": Case("1Gi", "pods"),
    "nodeSelector": Case({"disk": "slow"}, "pods"),
    "tolerations[].key": Case("other", "pods"),
    "tolerations[].operator": Case("Exists", "pods", also={"tolerations[].value": None}),
    "tolerations[].value": Case("other", "pods"),
    "tolerations[].effect": Case("NoSchedule", "pods", also={"tolerations[].tolerationSeconds": None}),
    "tolerations[].tolerationSeconds": Case(120, "pods"),
    "priorityClassName": Case("high", "pods"),
    "external.url": Case("https://example.com/team/pypi", "index status, index.yaml, pods"),
    "external.trustedProxies": Case([], "index.yaml, pods"),
    "external.allowedOrigins": Case([], "index.yaml, pods"),
    "ingress.host": Case("other.example.com", "Ingress, index status"),
    "ingress.className": Case("", "Ingress"),
    "ingress.annotations": Case({}, "Ingress"),
    "ingress.tls.secretName": Case("pypi-tls", "Ingress"),
    "ingress.tls.issuerRef.kind": Case("ClusterIssuer", "Ingress"),
    "ingress.tls.issuerRef.name": Case("other", "Ingress"),
    "httpRoute.parentRefs[].name": Case("other", "HTTPRoute, index status"),
    "httpRoute.parentRefs[].namespace": Case("other", "HTTPRoute, index status"),
    "httpRoute.parentRefs[].sectionName": Case("other", "HTTPRoute"),
    "httpRoute.parentRefs[].port": Case(8443, "HTTPRoute"),
    "httpRoute.hostnames": Case(["other.example.com"], "HTTPRoute"),
    **{path: case for name in PEERS for path, case in _peer_cases(name).items()},
    "networkPolicy.storagePorts": Case([], "NetworkPolicy"),
    "networkPolicy.upstreamPorts": Case([], "NetworkPolicy"),
    "monitoring.serviceMonitor.labels": Case({"release": "two"}, "ServiceMonitor"),
    "monitoring.serviceMonitor.interval": Case("15s", "ServiceMonitor"),
    "freshness.fresh": Case("5s", "index.yaml, pods"),
    "freshness.stale": Case("1m", "index.yaml, pods"),
    "limits.fileSize": Case("1Gi", "index.yaml, pods"),
    "limits.metadataSize": Case("1Mi", "index.yaml, pods"),
    "limits.projectFiles": Case(10, "index.yaml, pods"),
    "limits.mirroredSize": Case("1Gi", "index.yaml, pods"),
    "names.private": Case([], "policy.yaml"),
    "advisories.osv": Case(None, "index.yaml, pods", "pypi", also={"advisories.none": {}}),
    "advisories.none": Case(None, "index.yaml, pods", "tokens", also={"advisories.osv": {}}),
    "advisories.url": Case("https://mirror.example:8443/osv/", "NetworkPolicy, index.yaml, pods"),
    "advisories.caBundle": Case(CERTIFICATES[1], "index.yaml, pods"),
    "advisories.poll": Case("1m", "index.yaml, pods"),
    "fetchLog.retention": Case("30d", "index.yaml, pods"),
    "fetchLog.addresses": Case("Network", "index.yaml, pods"),
    "webhook.url": Case("https://hooks.example:8443/a", "NetworkPolicy, index.yaml, pods"),
    "webhook.secretRef.name": Case("other-keys", "index status, pods"),
    "webhook.events": Case(["blocked"], "index.yaml, pods"),
    "webhook.caBundle": Case(CERTIFICATES[1], "index.yaml, pods"),
    "web.enabled": Case(False, "NetworkPolicy, index status, index.yaml, pods, sessions"),
    "web.images": Case(True, "index.yaml, pods"),
    "web.oidc.issuer": Case("https://other.example", "index status, sessions"),
    "web.oidc.clientId": Case("other", "sessions"),
    "web.oidc.clientSecretRef.name": Case("other-client", "sessions"),
    "web.oidc.clientSecretRef.key": Case("other", "sessions"),
    "web.oidc.scopes": Case(["openid", "groups"], "sessions"),
    "web.oidc.groupsClaim": Case("roles", "sessions"),
    "web.oidc.groups[].provider": Case("other", "sessions"),
    "web.oidc.groups[].group": Case("other", "sessions"),
    "web.oidc.caBundle": Case(CERTIFICATES[1], "sessions"),
    "policy.cooldown.action": Case("Report", "policy.yaml"),
    "policy.cooldown.age": Case("3d", "policy.yaml"),
    "policy.cooldown.fixes": Case("", "policy.yaml"),
    "policy.cooldown.firstSight": Case({"torch": "Wait"}, "policy.yaml"),
    "policy.deny[].packages": Case(["jwt"], "policy.yaml"),
    "policy.deny[].versions": Case("", "policy.yaml"),
    "policy.deny[].sha256": Case([DIGESTS[1]], "policy.yaml"),
    "policy.deny[].reason": Case("", "policy.yaml"),
    "policy.deny[].action": Case("Report", "policy.yaml"),
    "policy.allow.action": Case("Off", "policy.yaml"),
    "policy.allow.releases[].packages": Case(["scipy"], "policy.yaml"),
    "policy.allow.releases[].versions": Case(">2", "policy.yaml"),
    "policy.malware.action": Case("Report", "policy.yaml"),
    "policy.malware.requireFeed": Case(True, "policy.yaml"),
    "policy.vulnerabilities.action": Case("Block", "policy.yaml"),
    "policy.vulnerabilities.severity": Case("High", "policy.yaml"),
    "policy.vulnerabilities.known": Case("0s", "policy.yaml"),
    "policy.licenses.action": Case("Report", "policy.yaml"),
    "policy.licenses.allow": Case(["MIT"], "policy.yaml"),
    "policy.licenses.deny": Case([], "policy.yaml"),
    "policy.licenses.unknown": Case("Block", "policy.yaml"),
    "policy.formats.action": Case("Report", "policy.yaml"),
    "policy.formats.allow": Case(["wheel", "sdist"], "policy.yaml"),
    "policy.provenance.action": Case("Report", "policy.yaml"),
    "policy.provenance.packages": Case(["numpy"], "policy.yaml"),
    "policy.exceptions[].packages": Case(["requests"], "policy.yaml"),
    "policy.exceptions[].versions": Case("", "policy.yaml"),
    "policy.exceptions[].advisories": Case(["GHSA-2"], "policy.yaml"),
    "policy.exceptions[].from": Case(["deny"], "policy.yaml"),
    "policy.exceptions[].until": Case("2026-12-14", "index status, policy.yaml"),
    "policy.exceptions[].reason": Case("SEC-413", "policy.yaml"),
    "policy.exceptions[].approvedBy": Case("bob", "policy.yaml"),
    "policy.exceptionsFrom[].namespaces": Case(["web"], "exception status, index status, policy.yaml"),
    "policy.exceptionsFrom[].packages": Case(["numpy"], "exception status, index status, policy.yaml"),
    "policy.exceptionsFrom[].rules": Case(["deny"], "exception status, index status, policy.yaml"),
    "policy.exceptionsFrom[].maximum": Case("1d", "exception status, index status, policy.yaml"),
    "upstreams[].name": Case("cuda", "index status, index.yaml, pods"),
    "upstreams[].pypi": Case(
        None, "index.yaml, pods", "pypi", also={"upstreams[].url": "https://a.example/simple/"}
    ),
    "upstreams[].url": Case("https://torch.example/whl/cpu/", "index.yaml, pods"),
    "upstreams[].packages": Case(["torch"], "index.yaml, pods"),
    "upstreams[].fileHosts": Case(["files.torch.example:8443"], "NetworkPolicy, index.yaml, pods"),
    "upstreams[].credentials.secretRef.name": Case("other-keys", "index status, pods"),
    "upstreams[].credentials.codeArtifact.domain": Case("other", "Secret", "tokens"),
    "upstreams[].credentials.codeArtifact.domainOwner": Case("444455556666", "Secret", "tokens"),
    "upstreams[].credentials.codeArtifact.region": Case("us-east-1", "Secret", "tokens"),
    "upstreams[].credentials.codeArtifact.roleARN": Case(READER, "Secret, index status", "tokens"),
    "upstreams[].credentials.forFiles": Case(False, "index.yaml, pods"),
    "upstreams[].caBundle": Case(CERTIFICATES[1], "index.yaml, pods"),
    "upstreams[].freshness.fresh": Case("1h", "index.yaml, pods"),
    "upstreams[].freshness.stale": Case("7d", "index.yaml, pods"),
    "upstreams[].absentOn": Case([401], "index.yaml, pods"),
    "upstreams[].offline": Case(True, "NetworkPolicy, index status, index.yaml, pods"),
    "uploads.accept": Case("WellFormed", "index.yaml, pods"),
    "cache.size": Case("1Gi", "index.yaml, pods"),
    "redirects.minSize": Case("1Gi", "index.yaml, pods"),
    "redirects.cluster.endpoint": Case(ENDPOINTS[0], "index.yaml, pods"),
    "redirects.external.endpoint": Case(ENDPOINTS[0], "index.yaml, pods"),
    "access.grants[].subjects": Case(["authenticated"], "access file"),
    "access.grants[].packages": Case(["acme-*"], "access file, user status"),
    "access.grants[].verbs": Case(["publish"], "access file, user status"),
    "access.externalGrants[].subjects": Case(["authenticated"], "access file, index status"),
    "access.externalGrants[].packages": Case(["acme-*"], "access file, index status"),
    "access.externalGrants[].verbs": Case(["publish"], "access file, index status"),
    "access.users.namespaces.from": Case(
        "Same", "access file, index status, logins, user status", also={"access.users.namespaces.selector": None}
    ),
    "access.users.namespaces.selector.matchLabels": Case(
        {"team": "web"}, "access file, index status, logins, user status"
    ),
    "access.users.namespaces.selector.matchExpressions[].key": Case(
        "tier", "access file, index status, logins, user status"
    ),
    "access.users.namespaces.selector.matchExpressions[].operator": Case(
        "NotIn", "access file, index status, logins, user status"
    ),
    "access.users.namespaces.selector.matchExpressions[].values": Case(
        ["web"], "access file, index status, logins, user status"
    ),
    "access.users.maximum.groups": Case([], "access file, user status"),
    "access.users.maximum.grants[].packages": Case(["acme-*"], "access file, user status"),
    "access.users.maximum.grants[].verbs": Case(["publish"], "access file, user status"),
}

EXCEPTION_CASES: dict[str, Case] = {
    "indexRef.name": Case("other", "exception status, index status, policy.yaml"),
    "indexRef.namespace": Case("", "exception status, index status, policy.yaml"),
    "packages": Case(["urllib3", "requests"], "exception status, index status, policy.yaml"),
    "versions": Case("", "policy.yaml"),
    "advisories": Case(["GHSA-2"], "policy.yaml"),
    "from": Case(["deny"], "exception status, policy.yaml"),
    "until": Case("2026-12-14", "exception status, index status, policy.yaml"),
    "reason": Case("SEC-413", "policy.yaml"),
    "approvedBy": Case("bob", "policy.yaml"),
}

USER_CASES: dict[str, Case] = {
    "indexRef.name": Case("other", "access file, index status, logins, user status"),
    "indexRef.namespace": Case("ci", "access file, index status, logins, user status"),
    "groups": Case(["readers"], "access file"),
    "grants[].packages": Case(["acme-*"], "access file, user status"),
    "grants[].verbs": Case(["delete"], "access file, user status"),
    "credentials.secretName": Case("other", "logins, user status"),
    "credentials.listener": Case("External", "logins, user status"),
    "credentials.token": Case(False, "access file, logins, user status"),
    "credentials.rotateEvery": Case("", "user status"),
    "credentials.overlap": Case("4m", "logins, user status", "rotating"),
    "credentials.passwordSecretRef.name": Case("missing", "access file, logins, user status", "password"),
    "serviceAccounts[].name": Case("other", "access file"),
    "trustedPublishers[].github.repository": Case("acme/other", "access file"),
    "trustedPublishers[].github.repositoryOwnerId": Case(1, "access file"),
    "trustedPublishers[].github.workflow": Case("other.yml", "access file"),
    "trustedPublishers[].github.environment": Case("pypi", "access file"),
    "trustedPublishers[].gitlab.url": Case("https://git.example", "access file"),
    "trustedPublishers[].gitlab.project": Case("acme/other", "access file"),
    "trustedPublishers[].gitlab.projectId": Case(1, "access file"),
    "trustedPublishers[].gitlab.configFile": Case("release.yml", "access file"),
    "trustedPublishers[].gitlab.environment": Case("pypi", "access file"),
    "trustedPublishers[].oidc.issuer": Case("https://other.example", "access file"),
    "trustedPublishers[].oidc.claims": Case({"sub": "other"}, "access file"),
}


def value_at(spec: Spec, path: str) -> Any:
    """Return the value of a field; raise KeyError if there is none."""
    place, last = _place(spec, path)
    return place[last]


def changed(spec: Spec, path: str, value: Any) -> Spec:
    """Return a spec with another value of a field, or, for None, without it."""
    result = copy.deepcopy(spec)
    place, last = _place(result, path)
    if value is None:
        del place[last]
    else:
        place[last] = value
    return result


def _place(spec: Any, path: str) -> tuple[Any, str]:
    *parents, last = names = path.split(".")
    for name, below in zip(parents, names[1:], strict=True):
        spec = spec[name.removesuffix("[]")]
        if name.endswith("[]"):
            # The elements of a list may be of several kinds.
            spec = next((each for each in spec if below.removesuffix("[]") in each), spec[0])
    return spec, last

"""Rules of the schemas on how an index is reached, guarded, scaled and watched: accepted and refused values."""

from typing import Any

HOST = {"host": "pypi.example.com"}
ROUTE = {"parentRefs": [{"name": "public"}], "hostnames": ["pypi.example.com"]}
S3 = {"storage": {"s3": {"bucket": "acme", "provision": {"bucket": True, "user": True}}}}
VOLUME = {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1}
ANY: dict[str, Any] = {"namespaceSelector": {}}
BLOCK = {"cidr": "10.0.0.0/8"}
EVERYBODY = {"allowedOrigins": ["*"]}
READ = {"packages": ["*"], "verbs": ["read"]}
_PARENT = {**ROUTE, "parentRefs": [{"name": "a", "namespace": "b", "sectionName": "https", "port": 443}]}

Case = tuple[str, list[Any], list[Any], str]
"""The path of a field, values that are accepted, values that are not, and the message."""

OF_INDEX: list[Case] = [
    (
        "spec",
        [{**S3, "autoscaling": {"maxReplicas": 3}}],
        [{**VOLUME, "autoscaling": {"maxReplicas": 3}}],
        "spec.autoscaling cannot be used with spec.storage.volume",
    ),
    (
        "spec",
        [{**S3, "networkPolicy": {}}, {**S3, "ingress": HOST, "networkPolicy": {"externalFrom": [ANY]}}],
        [
            {**S3, "ingress": HOST, "networkPolicy": {}},
            {**S3, "httpRoute": ROUTE, "networkPolicy": {"clusterFrom": [ANY]}},
        ],
        "spec.networkPolicy.externalFrom must name the Ingress controller",
    ),
    (
        "spec.autoscaling",
        [{"maxReplicas": 2}, {"minReplicas": 1, "maxReplicas": 1}],
        [{"maxReplicas": 1}, {"minReplicas": 4, "maxReplicas": 3}],
        "spec.autoscaling.minReplicas must not be greater than maxReplicas",
    ),
    (
        "spec.resources",
        [{}, {"requests": {"cpu": "1"}}, {"limits": {"memory": "1Gi"}}, {"requests": {"memory": "512Mi"}}],
        [{"requests": {"memory": "1Gi"}}, {"limits": {"memory": "64Mi"}}],
        "spec.resources.limits.memory must not be less than",
    ),
    (
        "spec.resources",
        [{"limits": {"cpu": "500m"}}, {"requests": {"cpu": "2"}, "limits": {"cpu": "2000m"}}],
        [{"limits": {"cpu": "50m"}}],
        "spec.resources.limits.cpu must not be less than",
    ),
    *(
        (path, ["100m", "2"], ["0", "1.5", "a lot", "-1"], f"{path} must be a whole number of CPUs")
        for path in ("spec.resources.requests.cpu", "spec.resources.limits.cpu")
    ),
    *(
        (
            path,
            ["512Mi", "268435456"],
            ["1G", "512", "0Mi", "512m"],
            f"{path} must be a size of at least 1Mi, such as",
        )
        for path in ("spec.resources.requests.memory", "spec.resources.limits.memory")
    ),
    (
        "spec.tolerations",
        [[{"operator": "Exists"}], [{"key": "a", "value": "b"}]],
        [[{}], [{"operator": "Equal", "value": "b"}]],
        "spec.tolerations[].key must be set, unless",
    ),
    (
        "spec.tolerations",
        [[{"key": "a", "operator": "Equal", "value": "b"}]],
        [[{"key": "a", "operator": "Exists", "value": "b"}]],
        "spec.tolerations[].value must not be set if",
    ),
    (
        "spec.tolerations",
        [[{"key": "a", "effect": "NoExecute", "tolerationSeconds": 5}]],
        [[{"key": "a", "tolerationSeconds": 5}], [{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 5}]],
        "spec.tolerations[].tolerationSeconds can be set only",
    ),
    (
        "spec.priorityClassName",
        ["", "builds", "a.b"],
        ["system-node-critical", "A B"],
        "spec.priorityClassName must be empty or the name of",
    ),
    (
        "spec.external.url",
        ["", "https://a.example", "http://a.example:8080/", "https://a/team/pypi", "https://a/a.b_c/"],
        ["ftp://a", "https://a//path", "https://a/../b", "https://a/b?c", "https://a/%20", "a.example"],
        "spec.external.url must be empty or a URL",
    ),
    (
        "spec.external.trustedProxies",
        [[], ["10.0.0.0/8", "2001:db8::/32"]],
        [["10.0.0.1"], ["everybody"]],
        "spec.external.trustedProxies must be networks",
    ),
    (
        "spec.external.allowedOrigins",
        [[], ["https://notebooks.example.com", "http://localhost:8888"]],
        [["https://a/"], ["https://A.example"], ["null"], ["*.example"], ["a.example"], ["https://a/b"]],
        "spec.external.allowedOrigins must be * or origins",
    ),
    (
        "spec",
        [{**S3, "external": EVERYBODY, "access": {"externalGrants": [{**READ, "subjects": ["anonymous"]}]}}],
        [
            {**S3, "external": EVERYBODY},
            {**S3, "external": EVERYBODY, "access": {"grants": [{**READ, "subjects": ["anonymous"]}]}},
            {**S3, "external": EVERYBODY, "access": {"externalGrants": [{**READ, "subjects": ["authenticated"]}]}},
        ],
        "spec.external.allowedOrigins must not have * unless",
    ),
    (
        "spec.ingress.host",
        ["pypi", "pypi.example.com"],
        ["*.example.com", "Pypi.example.com", "a..b", "-a"],
        "spec.ingress.host must be a host such as",
    ),
    (
        "spec.ingress",
        [{**HOST, "className": ""}, {**HOST, "className": "nginx"}],
        [{**HOST, "className": "A"}],
        "spec.ingress.className must be empty or",
    ),
    (
        "spec.ingress",
        [{**HOST, "tls": {}}, {**HOST, "tls": {"secretName": "pypi-tls"}}],
        [{**HOST, "tls": {"secretName": "wheelyard-main-access"}}, {**HOST, "tls": {"secretName": "A"}}],
        "spec.ingress.tls.secretName must be empty or the name of a Secret",
    ),
    (
        "spec.ingress",
        [{**HOST, "tls": {"issuerRef": {"name": "le"}}}],
        [{**HOST, "tls": {"issuerRef": {"name": "L E"}}}],
        "spec.ingress.tls.issuerRef.name must be",
    ),
    (
        "spec.httpRoute",
        [ROUTE, _PARENT],
        [{**ROUTE, "parentRefs": [{"name": "a", "namespace": "A B"}]}],
        "spec.httpRoute.parentRefs[].namespace must be",
    ),
    (
        "spec.httpRoute",
        [ROUTE],
        [{**ROUTE, "hostnames": ["*.example.com"]}],
        "spec.httpRoute.hostnames must be hosts",
    ),
    (
        "spec.monitoring.serviceMonitor",
        [{}, {"labels": {"release": "p"}}],
        [{"labels": {"wheelyard.dev/index": "x"}}, {"labels": {"app.kubernetes.io/name": "x"}}],
        "spec.monitoring.serviceMonitor.labels must not start with wheelyard.dev/",
    ),
    (
        "spec.monitoring.serviceMonitor.interval",
        ["30s", "1m", "1h", "1d"],
        ["30", "0s", "25h", "1w"],
        "spec.monitoring.serviceMonitor.interval must be a duration from 1s to 1d, such as 30s",
    ),
]

for _field in ("clusterFrom", "externalFrom", "metricsFrom", "storageTo", "dnsTo", "upstreamTo"):
    _path = f"spec.networkPolicy.{_field}"
    OF_INDEX += [
        (
            _path,
            [[], [ANY], [{"podSelector": {"matchLabels": {"a": "b"}}}], [{"ipBlock": BLOCK}]],
            [[{}], [{"ipBlock": BLOCK, "podSelector": {}}]],
            f"{_path}[] needs either ipBlock",
        ),
        (
            _path,
            [[{"ipBlock": {"cidr": "2001:db8::/32"}}]],
            [[{"ipBlock": {"cidr": "10.0.0.1"}}]],
            f"{_path}[].ipBlock.cidr must be a network",
        ),
        (
            _path,
            [[{"ipBlock": {**BLOCK, "except": ["10.1.0.0/16"]}}]],
            [[{"ipBlock": {**BLOCK, "except": ["some"]}}]],
            f"{_path}[].ipBlock.except must be networks",
        ),
    ]

OF_USER: list[Case] = [
    ("spec.credentials.listener", ["Cluster", "External"], ["https://x"], 'Unsupported value: "https://x"'),
]

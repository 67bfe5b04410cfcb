"""Rules of the schemas on policies and PackageExceptions: accepted and refused values."""

from typing import Any

Case = tuple[str, list[Any], list[Any], str]
"""The path of a field, values that are accepted, values that are not, and the message."""

EXCEPTION = {"packages": ["urllib3"], "from": ["cooldown"], "until": "2026-12-15", "reason": "SEC-412"}
CONSENT = {"namespaces": ["team-a"], "rules": ["cooldown"]}
DIGEST = "0123456789abcdef" * 4
ACTIONS, NO_ACTIONS = ["Block", "Report", "Off"], ["block", "Audit", ""]
EVERY_RULE = ["cooldown", "deny", "allow", "malware", "vulnerabilities", "licenses", "formats", "provenance"]
VERSIONS = [
    "",
    "<4",
    "==2.6.1",
    "==2.6.*",
    "!=1.0",
    "~=1.4.2",
    ">=1.0rc1, <2",
    ">=1,<2,!=1.5",
    "==1!2.0.post1.dev2",
    "==1.0+cu124",
]
NO_VERSIONS = ["4", "=4", "<4,", ",<4", "~=1", ">=1.*", "<1+local", "== 1", "===1", "<4 <5", "latest", "<4\n"]
"""The index servers could not read a policy with one of these."""
UNTILS = ["2026-12-15", "2028-02-29", "2026-12-15T12:00:00Z"]
NO_UNTILS = [
    "tomorrow",
    "2026-02-30",
    "2026-13-01",
    "2026-12-15T24:00:00Z",
    "2026-12-15T12:00:00",
    "2026-12-15T12:00:00+02:00",
    "9999-12-31",
    "2026-12-5",
    "15.12.2026",
    "",
]
_NO_DURATIONS = ["30", "d", "1h30m", "1.5h", "-1s", "01s"]
GLOBS, NO_GLOBS = ["*", "acme-*", "a?", "*a" * 8], ["Foo_Bar", "a.b", "", "*a" * 9]
TEXTS, NO_TEXTS = ["SEC-412", "Kühe \U0001d518 'x': \"y\""], ["a\nb", "\x07", "\x85"]
ADVISORIES, NO_ADVISORIES = [["GHSA-xxxx-xxxx-xxxx", "PYSEC-2026-1"]], [["a b"], ["-"], ["a"] * 21]


def excepted(**fields: Any) -> list[dict[str, Any]]:
    return [{**EXCEPTION, **fields}]


def consent(**fields: Any) -> list[dict[str, Any]]:
    return [{**CONSENT, **fields}]


def denied(**fields: Any) -> list[dict[str, Any]]:
    return [{"packages": ["a"], **fields}]


WEBHOOK = {"url": "https://hooks.example.com/a", "secretRef": {"name": "signing"}}
FEED = "https://mirror.example.com/osv/PyPI/"
_NO_MORE: dict[str, Any] = {}
_FIRST_SIGHT = {"cooldown": {"firstSight": {"torch": "Settled"}}}
_TORCH = [{"name": "torch", "url": "https://torch.example/whl/"}]
_STORAGE = {"storage": {"s3": {"bucket": "acme", "provision": {"bucket": True, "user": True}}}}
_POLICY = "spec.policy"

OF_INDEX: list[Case] = [
    (
        "spec.advisories",
        [{"osv": {}}, {"none": {}}, {"url": FEED}, {"url": FEED, "poll": "1m"}],
        [{}, {"osv": {}, "url": FEED}, {"osv": {}, "none": {}}, {"poll": "1m"}],
        "spec.advisories needs exactly one of osv, url and none",
    ),
    (
        "spec.advisories",
        [{"url": "http://mirror.ns.svc:8080/all.zip"}],
        [{"url": url} for url in ("file:///a", "https://me:secret@a.example/", "https://a.example/?x=1", "")],
        "spec.advisories.url must be a URL such as https://mirror.example.com/osv/PyPI/",
    ),
    (
        "spec.advisories",
        [],
        [{"url": f"https://{'a.' * 127}a/"}],
        "spec.advisories.url must have a host of at most",
    ),
    (
        "spec.advisories",
        [],
        [{"url": "http://127.1"}],
        "spec.advisories.url must have an IP address in its usual form",
    ),
    (
        "spec.advisories",
        [{"osv": {}, "poll": poll} for poll in ("10s", "1h", "60m")],
        [{"osv": {}, "poll": poll} for poll in ("9s", "61m", *_NO_DURATIONS)],
        "spec.advisories.poll must be a duration from 10s to 1h, such as 2m",
    ),
    (
        "spec.fetchLog.retention",
        ["0d", "0s", "90d", "2160h", "3660d"],
        ["", "36h", "1h", "3661d", *_NO_DURATIONS],
        "spec.fetchLog.retention must be whole days, as a duration from 0d to 3660d, such as 90d",
    ),
    ("spec.fetchLog.addresses", ["Full", "Network", "None"], ["full", ""], "Unsupported value"),
    *(("spec.webhook", [], [{key: WEBHOOK[key]}], "Required value") for key in WEBHOOK),
    (
        "spec.webhook",
        [{**WEBHOOK, "url": url} for url in ("https://a.example", "http://a.ns.svc:8080/b", "https://192.0.2.7/")],
        [
            {**WEBHOOK, "url": url}
            for url in (
                "ftp://a/",
                "https://me:secret@a.example/",
                "https://a.example/?x=1",
                "https://A.example/",
                "",
            )
        ],
        "spec.webhook.url must be a URL such as https://hooks.example.com/wheelyard",
    ),
    (
        "spec.webhook",
        [],
        [{**WEBHOOK, "url": f"https://{'a.' * 127}a/"}],
        "spec.webhook.url must have a host of at most",
    ),
    (
        "spec.webhook",
        [],
        [{**WEBHOOK, "url": "http://127.1"}],
        "spec.webhook.url must have an IP address in its usual",
    ),
    (
        "spec.webhook",
        [{**WEBHOOK, "secretRef": {"name": "a.b"}}],
        [{**WEBHOOK, "secretRef": {"name": name}} for name in ("A", "../a", "wheelyard-main-access")],
        "spec.webhook.secretRef.name must be the name of a Secret",
    ),
    (
        "spec.webhook",
        [{**WEBHOOK, "events": ["published", "blocked", "digest.changed"]}],
        [{**WEBHOOK, "events": events} for events in ([], ["all"], ["blocked", "blocked"])],
        "spec.webhook.events",
    ),
    (_POLICY, [{}], [{"cooldwn": {}}], "unknown field"),
    *(
        (
            f"{_POLICY}.{rule}",
            [{"action": action, **more} for action in ACTIONS],
            [{"action": action, **more} for action in NO_ACTIONS],
            "Unsupported value",
        )
        for rule, more in (
            ("cooldown", _NO_MORE),
            ("allow", {"releases": []}),
            ("malware", _NO_MORE),
            ("vulnerabilities", _NO_MORE),
            ("licenses", _NO_MORE),
            ("formats", _NO_MORE),
            ("provenance", _NO_MORE),
        )
    ),
    *(
        (f"{_POLICY}.{rule}", [], [{}], f"spec.policy.{rule}.{field}: Required value")
        for rule, field in (
            ("allow", "releases"),
            ("vulnerabilities", "action"),
            ("licenses", "action"),
            ("formats", "action"),
            ("provenance", "action"),
        )
    ),
    (
        f"{_POLICY}.cooldown.age",
        ["0s", "7d", "168h", "365d"],
        ["", "366d", *_NO_DURATIONS],
        "spec.policy.cooldown.age must be a duration from 0s to 365d, such as 7d",
    ),
    (
        f"{_POLICY}.cooldown.fixes",
        ["", "0s", "4h", "365d"],
        ["366d", *_NO_DURATIONS],
        "spec.policy.cooldown.fixes must be empty or a duration from 0s to 365d, such as 4h",
    ),
    (
        "spec",
        [{**_STORAGE, "upstreams": _TORCH, "policy": _FIRST_SIGHT}],
        [{**_STORAGE, "policy": _FIRST_SIGHT}, {**_STORAGE, "upstreams": [], "policy": _FIRST_SIGHT}],
        "spec.policy.cooldown.firstSight must have the names of spec.upstreams as keys",
    ),
    (
        f"{_POLICY}.cooldown.firstSight",
        [],
        [{"a" * 41: "Settled"}],
        "spec.policy.cooldown.firstSight must have keys of at most 40 characters",
    ),
    (f"{_POLICY}.cooldown.firstSight", [{}], [{"torch": "Old"}], 'Unsupported value: "Old"'),
    (
        f"{_POLICY}.deny",
        [[], denied(), [{"sha256": [DIGEST]}], denied(sha256=[DIGEST]), denied() * 1000],
        [[{"versions": "<4"}], [{"packages": []}], [{"packages": [], "sha256": []}]],
        "spec.policy.deny[] needs packages, sha256 or both",
    ),
    (f"{_POLICY}.deny", [], [denied() * 1001], "must have at most 1000 items"),
    (f"{_POLICY}.deny", [denied(packages=["a"] * 100)], [denied(packages=["a"] * 101)], "must have at most 100"),
    (
        f"{_POLICY}.deny",
        [denied(packages=["a" * 128] * 100) * 18],
        [denied(packages=["a" * 128] * 100) * 19, denied(reason="r" * 200) * 400],
        "spec.policy.deny may have at most 262144 characters",
    ),
    (
        f"{_POLICY}.deny",
        [],
        [[{"sha256": [each]}] for each in (DIGEST[1:], DIGEST.upper(), f"{DIGEST[:-1]}g")],
        "sha256[0] in body should match",
    ),
    (
        f"{_POLICY}.allow",
        [{"releases": [{"packages": ["a" * 128] * 94}] * 10}],
        [{"releases": [{"packages": ["a" * 128] * 95}] * 10}],
        "spec.policy.allow.releases may have at most 131072 characters",
    ),
    (f"{_POLICY}.allow", [], [{"releases": [{"packages": []}]}], "should have at least 1 items"),
    (f"{_POLICY}.malware.requireFeed", [True, False], ["yes"], "must be of type boolean"),
    (
        f"{_POLICY}.vulnerabilities",
        [{"action": "Block", "severity": severity} for severity in ("Low", "Medium", "High", "Critical")],
        [{"action": "Block", "severity": "critical"}],
        'Unsupported value: "critical"',
    ),
    (
        f"{_POLICY}.vulnerabilities",
        [{"action": "Block", "known": known} for known in ("0s", "30d", "3650d")],
        [{"action": "Block", "known": known} for known in ("", "3651d", *_NO_DURATIONS)],
        "spec.policy.vulnerabilities.known must be a duration from 0s to 3650d, such as 30d",
    ),
    (
        f"{_POLICY}.licenses",
        [{"action": "Block", "deny": ["AGPL-3.0-*", "LicenseRef-a.b"], "allow": ["MIT"], "unknown": "Block"}],
        [{"action": "Block", "deny": ["MIT OR Apache-2.0"]}, {"action": "Block", "allow": [""]}],
        "",
    ),
    (f"{_POLICY}.licenses", [], [{"action": "Block", "unknown": "Report"}], 'Unsupported value: "Report"'),
    (
        f"{_POLICY}.formats",
        [{"action": "Block"}, {"action": "Block", "allow": ["wheel", "sdist", "other"]}],
        [{"action": "Block", "allow": ["egg"]}],
        'Unsupported value: "egg"',
    ),
    (f"{_POLICY}.formats", [], [{"action": "Block", "allow": []}], "should have at least 1 items"),
    *(
        (
            f"{_POLICY}.{rule}",
            [values(each) for each in GLOBS],
            [values(each) for each in NO_GLOBS],
            "packages[0] in body should",
        )
        for rule, values in (
            ("deny", lambda glob: denied(packages=[glob])),
            ("allow", lambda glob: {"releases": [{"packages": [glob]}]}),
            ("provenance", lambda glob: {"action": "Block", "packages": [glob]}),
            ("exceptions", lambda glob: excepted(packages=[glob])),
            ("exceptionsFrom", lambda glob: consent(packages=[glob])),
        )
    ),
    *(
        (
            f"{_POLICY}.{rule}",
            [values(each) for each in VERSIONS],
            [values(each) for each in NO_VERSIONS],
            "versions in body should match",
        )
        for rule, values in (
            ("deny", lambda text: denied(versions=text)),
            ("allow", lambda text: {"releases": [{"packages": ["a"], "versions": text}]}),
            ("exceptions", lambda text: excepted(versions=text)),
        )
    ),
    (
        f"{_POLICY}.deny",
        [denied(reason=each) for each in (*TEXTS, "")],
        [denied(reason=each) for each in NO_TEXTS],
        "reason in body should match",
    ),
    *(
        (
            f"{_POLICY}.exceptions",
            [],
            [[{key: value for key, value in EXCEPTION.items() if key != field}]],
            f"spec.policy.exceptions[0].{field}: Required value",
        )
        for field in EXCEPTION
    ),
    (
        f"{_POLICY}.exceptions",
        [excepted(until=each) for each in UNTILS],
        [excepted(until=each) for each in NO_UNTILS],
        "spec.policy.exceptions[].until must be a day such as 2026-12-15, or a time in UTC",
    ),
    (
        f"{_POLICY}.exceptions",
        [excepted(reason=each) for each in TEXTS],
        [excepted(reason=each) for each in (*NO_TEXTS, "")],
        "reason in body should",
    ),
    (
        f"{_POLICY}.exceptions",
        [excepted(approvedBy=each) for each in (*TEXTS, "")],
        [excepted(approvedBy=each) for each in NO_TEXTS],
        "approvedBy in body should match",
    ),
    (
        f"{_POLICY}.exceptions",
        [excepted(**{"from": EVERY_RULE})],
        [excepted(**{"from": ["quarantine"]}), excepted(**{"from": []}), excepted(**{"from": ["malware"] * 2})],
        "",
    ),
    (
        f"{_POLICY}.exceptions",
        [excepted(advisories=each) for each in ADVISORIES],
        [excepted(advisories=each) for each in NO_ADVISORIES],
        "advisories",
    ),
    (f"{_POLICY}.exceptions", [excepted() * 200], [excepted() * 201], "must have at most 200 items"),
    (
        f"{_POLICY}.exceptions",
        [excepted(packages=["a" * 128] * 80) * 10],
        [excepted(packages=["a" * 128] * 90) * 10, excepted(reason="r" * 200) * 140],
        "spec.policy.exceptions may have at most 131072 characters",
    ),
    (
        f"{_POLICY}.exceptionsFrom",
        [consent(), consent(rules=EVERY_RULE), consent(namespaces=["a", "b-1"])],
        [consent(rules=[]), consent(rules=["all"]), consent(namespaces=[]), consent(namespaces=["A*"])],
        "",
    ),
    (
        f"{_POLICY}.exceptionsFrom",
        [consent(maximum=each) for each in ("1h", "30d", "3650d")],
        [consent(maximum=each) for each in ("", "59m", "3651d", *_NO_DURATIONS)],
        "spec.policy.exceptionsFrom[].maximum must be a duration from 1h to 3650d, such as 30d",
    ),
    (
        f"{_POLICY}.exceptionsFrom",
        [consent(packages=["a" * 128] * 31)],
        [consent(packages=["a" * 128] * 32)],
        "spec.policy.exceptionsFrom may have at most 4096 characters of packages",
    ),
    (f"{_POLICY}.exceptionsFrom", [consent() * 20], [consent() * 21], "must have at most 20 items"),
]

MANIFEST = {
    "apiVersion": "wheelyard.dev/v1",
    "kind": "PackageException",
    "metadata": {"name": "urllib3", "namespace": "default"},
    "spec": {"indexRef": {"name": "main"}, **EXCEPTION},
}

OF_EXCEPTION: list[Case] = [
    ("metadata.name", ["a" * 63], ["a" * 64], "metadata.name must be at most 63 characters"),
    ("spec", [], [{"indexRef": {"name": "main"}}], "Required value"),
    ("spec.indexRef.name", ["m", "a-1"], ["Main", "1a"], "spec.indexRef.name must be the name of a PackageIndex"),
    (
        "spec.indexRef.namespace",
        ["", "a-b"],
        ["A B"],
        "spec.indexRef.namespace must be empty or the name of a namespace",
    ),
    (
        "spec.packages",
        [["urllib3"], ["a-b", "c"], [f"a{number}" for number in range(20)]],
        [["torch*"], ["a?"], ["Foo"], ["a_b"], ["-a"], [""]],
        "spec.packages must be normalized package names",
    ),
    ("spec.packages", [], [[], ["a", "a"], [f"a{number}" for number in range(21)]], ""),
    ("spec.versions", VERSIONS, NO_VERSIONS, "spec.versions in body should match"),
    ("spec.advisories", ADVISORIES, NO_ADVISORIES, "spec.advisories"),
    ("spec.from", [EVERY_RULE], [["quarantine"], []], ""),
    (
        "spec.until",
        UNTILS,
        NO_UNTILS,
        "spec.until must be a day such as 2026-12-15, or a time in UTC such as 2026-12-15T12:00:00Z",
    ),
    ("spec.reason", TEXTS, [*NO_TEXTS, "", "a" * 201], "spec.reason"),
    ("spec.approvedBy", [*TEXTS, ""], [*NO_TEXTS, "a" * 101], "spec.approvedBy"),
]

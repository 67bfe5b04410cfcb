"""Rules of the schemas on upstreams: accepted and refused values."""

from typing import Any

URL = "https://packages.example.com/simple/"
DOMAIN = {"domain": "acme", "domainOwner": "111122223333", "region": "eu-west-1"}
ROLE = "arn:aws:iam::111122223333:role/packages"
KEY = {"secretRef": {"name": "partner"}}

Case = tuple[str, list[Any], list[Any], str]
"""The path of a field, values that are accepted, values that are not, and the message."""


def upstreams(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "partner", "url": URL, **fields}]


def artifact(**fields: Any) -> list[dict[str, Any]]:
    return upstreams(credentials={"codeArtifact": {**DOMAIN, **fields}})


def fresh(**fields: str) -> list[dict[str, Any]]:
    return upstreams(freshness=fields)


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"name": f"u{number}", "url": URL} for number in range(count)]


_PATH, _DOMAIN = "spec.upstreams", "spec.upstreams[].credentials.codeArtifact"
_NO_DURATIONS = ["30", "d", "1h30m", "1.5h", "-1s", "01s", ""]

OF_INDEX: list[Case] = [
    (
        _PATH,
        [
            [],
            [{"name": "pypi", "pypi": {}}],
            [{"name": "pypi", "pypi": {}, "fileHosts": ["files.example.com"]}],
            [{"name": "a", "url": URL}, {"name": "b", "pypi": {}}],
            numbered(16),
            upstreams(packages=[f"{number}{'*a' * 8}" for number in range(200)]),
            [{"name": f"u{n}", "url": URL, "packages": ["a" * 128] * 200} for n in range(16)],
        ],
        [[{"name": "a", "url": URL}, {"name": "a", "pypi": {}}]],
        "spec.upstreams must have different names",
    ),
    (_PATH, [], [[{"name": "a"}], [{"name": "a", "url": URL, "pypi": {}}]], "needs exactly one of pypi and url"),
    (_PATH, [], [numbered(17), [{"url": URL}], upstreams(packages=[]), upstreams(packages=["a"] * 201)], ""),
    (_PATH, [], [[{"name": "a", "pypi": {}, "credentials": KEY}]], "must have no credentials with pypi"),
    (
        _PATH,
        [upstreams(credentials={**KEY, "forFiles": True}, fileHosts=["a.example"])],
        [upstreams(credentials={**KEY, "forFiles": True})],
        "spec.upstreams[].credentials.forFiles needs fileHosts",
    ),
    (
        _PATH,
        [upstreams(name=name) for name in ("a", "a-1", "0", "a" * 40)],
        [upstreams(name=name) for name in ("A", "a.b", "-a", "a-", "a_b", "..")],
        "spec.upstreams[].name must consist of",
    ),
    (
        _PATH,
        [
            upstreams(url=url)
            for url in (
                URL,
                "https://a.example",
                "http://nexus.ns.svc:8081/repository/pypi/simple",
                "https://a/b%20c/",
                "https://xn--bcher-kva.example.com/",
                "https://192.0.2.7:8443/",
                "https://7.0x.example/",
                f"https://{'a' * 63}.example/",
                f"https://{'a.' * 126}a/",
            )
        ],
        [
            upstreams(url=url)
            for url in (
                "ftp://a.example/",
                "https://me:secret@a.example/",
                "https://a.example/?x=1",
                "https://a.example/#x",
                "https://A.example/",
                "https://a.example:0/",
                "https://a.example:65536/",
                "https://a.example/../b/",
                "https://[::1]/",
                "https:///",
                "https://a.example\\@b.example/",
                "https://a..example/",
                "https://a-.example/",
                "https://a.example./",
                f"https://{'a' * 64}.example/",
                "https://a.example/\n",
                "",
            )
        ],
        "spec.upstreams[].url must be a URL such as",
    ),
    (_PATH, [], [upstreams(url=f"https://{'a.' * 127}a/")], "url must have a host of at most 253 characters"),
    (
        _PATH,
        [],
        [
            upstreams(url=f"http://{host}")
            for host in (
                "127.1",
                "2130706433:80",
                "0x7f000001/",
                "0x7f.1/a",
                "0177.0.0.1",
                "256.0.0.1",
                "a.1",
                "a.0x/",
            )
        ],
        "spec.upstreams[].url must have an IP address in its usual form",
    ),
    (
        _PATH,
        [upstreams(fileHosts=["files.example.com", "files.example.com:8443"])],
        [
            upstreams(fileHosts=[host])
            for host in ("https://a.example", "a.example/", "a.example:0", "A", "a b", "a..b", f"{'a.' * 127}a", "")
        ],
        "spec.upstreams[].fileHosts must be hosts such as",
    ),
    *(
        (
            path,
            [values(["*"]), values(["acme-*", "a?"])],
            [values(["Foo_Bar"]), values(["a.b"])],
            f"{name} must be globs on normalized",
        )
        for path, name, values in (
            (_PATH, "spec.upstreams[].packages", lambda globs: upstreams(packages=globs)),
            ("spec.names.private", "spec.names.private", lambda globs: globs),
        )
    ),
    *(
        (path, [values(["*a" * 8])], [values(["*a" * 9])], f"{name} may have at most 8 '*' in a glob")
        for path, name, values in (
            (_PATH, "spec.upstreams[].packages", lambda globs: upstreams(packages=globs)),
            ("spec.names.private", "spec.names.private", lambda globs: globs),
        )
    ),
    ("spec.names.private", [["a"] * 200, []], [["a"] * 201], ""),
    (
        _PATH,
        [upstreams(credentials=KEY), artifact()],
        [upstreams(credentials={}), upstreams(credentials={**KEY, "codeArtifact": DOMAIN})],
        "spec.upstreams[].credentials needs exactly one of secretRef and codeArtifact",
    ),
    (
        _PATH,
        [upstreams(credentials={"secretRef": {"name": "a.b-c"}})],
        [upstreams(credentials={"secretRef": {"name": name}}) for name in ("A", "../a", "wheelyard-main-access")],
        "spec.upstreams[].credentials.secretRef.name must be the name of a Secret",
    ),
    (
        _PATH,
        [artifact(domain="ab"), artifact(domain="acme-1")],
        [artifact(domain=domain) for domain in ("a", "-a", "1a", "A1", "a/b")],
        f"{_DOMAIN}.domain must be",
    ),
    (
        _PATH,
        [artifact(domainOwner="012345678901")],
        [artifact(domainOwner=owner) for owner in ("", "1", "a" * 12)],
        f"{_DOMAIN}.domainOwner must be the 12 digits",
    ),
    (
        _PATH,
        [artifact(region="us-east-1")],
        [artifact(region=region) for region in ("", "EU", "eu.example", "a/b")],
        f"{_DOMAIN}.region must consist of",
    ),
    (
        _PATH,
        [
            artifact(roleARN=""),
            artifact(roleARN=ROLE),
            artifact(roleARN="arn:aws-us-gov:iam::111122223333:role/a/b"),
        ],
        [artifact(roleARN=role) for role in ("role", "arn:aws:iam::1:role/a", f"{ROLE},{ROLE}", f"{ROLE} ")],
        f"{_DOMAIN}.roleARN must be empty or the ARN of a role",
    ),
    (
        _PATH,
        [fresh(fresh="10s"), fresh(fresh="1d")],
        [fresh(fresh=each) for each in (*_NO_DURATIONS, "9s", "25h")],
        "spec.upstreams[].freshness.fresh must be a duration from 10s to 1d",
    ),
    (
        _PATH,
        [fresh(stale="0s"), fresh(stale="365d")],
        [fresh(stale=each) for each in (*_NO_DURATIONS, "366d")],
        "spec.upstreams[].freshness.stale must be a duration from 0s to 365d",
    ),
    (_PATH, [upstreams(absentOn=[401, 403])], [upstreams(absentOn=[404]), upstreams(absentOn=[403, 403])], ""),
    (
        "spec.limits.mirroredSize",
        ["", "500Gi", "1048576"],
        ["5G", "0", "lots", "1.5Gi"],
        "spec.limits.mirroredSize must be empty or a size",
    ),
]

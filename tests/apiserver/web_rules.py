"""Rules of the schemas on the pages of an index: accepted and refused values."""

from typing import Any

OIDC: dict[str, Any] = {
    "issuer": "https://dex.example.com",
    "clientId": "wheelyard",
    "clientSecretRef": {"name": "dex"},
    "groups": [{"provider": "platform-team", "group": "platform"}],
}

Case = tuple[str, list[Any], list[Any], str]
"""The path of a field, values that are accepted, values that are not, and the message."""


def oidc(**fields: Any) -> dict[str, Any]:
    return {"oidc": {**OIDC, **fields}}


def mapped(provider: str = "team", group: str = "platform") -> dict[str, Any]:
    return oidc(groups=[{"provider": provider, "group": group}])


def referring(**fields: str) -> dict[str, Any]:
    return oidc(clientSecretRef={"name": "dex", **fields})


def numbered(count: int) -> dict[str, Any]:
    return oidc(groups=[{"provider": f"{number}", "group": "platform"} for number in range(count)])


_PATH = "spec.web"

OF_INDEX: list[Case] = [
    (_PATH, [{}, {"enabled": True}, {"enabled": False}, oidc()], [{"enabled": "no"}], "spec.web.enabled"),
    (_PATH, [{"images": True}, {"images": False}], [{"images": "all"}], "spec.web.images"),
    (_PATH, [], [{"readmes": True}], "unknown field"),
    *(
        (_PATH, [], [{"oidc": {name: value for name, value in OIDC.items() if name != missing}}], "Required value")
        for missing in OIDC
    ),
    (
        _PATH,
        [
            oidc(issuer=issuer)
            for issuer in (
                "https://dex.example.com",
                "https://accounts.example.com/",
                "https://keycloak.example.com:8443/realms/acme",
                f"https://{'a' * 60}.example/{'b' * 160}",
            )
        ],
        [
            oidc(issuer=issuer)
            for issuer in (
                "http://dex.example.com",
                "dex.example.com",
                "https://me:secret@dex.example.com",
                "https://dex.example.com/?x=1",
                "https://dex.example.com#x",
                "https://Dex.example.com",
                "https://dex.example.com:65536",
                "https://dex.example.com//",
                "https://dex.example.com\n",
                "",
            )
        ],
        "spec.web.oidc.issuer must be a URL such as https://dex.example.com, with https",
    ),
    (_PATH, [], [oidc(issuer=f"https://a.example/{'b' * 240}")], "may not be more than 253"),
    (
        _PATH,
        [oidc(clientId=client) for client in ("a", "0oa1/x:y@acme", "a" * 253)],
        [oidc(clientId=client) for client in ("a b", "a\n", "\u00e4")],
        "spec.web.oidc.clientId must consist of printable ASCII characters",
    ),
    (_PATH, [], [oidc(clientId="")], "spec.web.oidc.clientId"),
    (
        _PATH,
        [referring(name=name) for name in ("dex", "a.b-c", "0")],
        [referring(name=name) for name in ("Dex", "a_b", "-a", "wheelyard-main-access")],
        "spec.web.oidc.clientSecretRef.name must be the name of a Secret",
    ),
    (
        _PATH,
        [referring(key=key) for key in ("clientSecret", "client-secret", "a_b.C")],
        [referring(key=key) for key in ("a b", "a/b")],
        "spec.web.oidc.clientSecretRef.key must be a key of a Secret",
    ),
    (_PATH, [], [oidc(clientSecretRef={"key": "a"})], "Required value"),
    (
        _PATH,
        [oidc(scopes=["openid", "groups"])],
        [oidc(scopes=["groups"])],
        "spec.web.oidc.scopes must have openid",
    ),
    (_PATH, [], [oidc(scopes=[])], "spec.web.oidc.scopes"),
    (_PATH, [], [oidc(scopes=["openid", "openid"])], "Duplicate value"),
    (
        _PATH,
        [oidc(scopes=["openid", f"{number:02}"]) for number in range(2)],
        [oidc(scopes=["openid", *(f"{number}" for number in range(20))])],
        "must have at most 20 items",
    ),
    (
        _PATH,
        [oidc(scopes=["openid", scope]) for scope in ("offline_access", "api://acme/read", "[a]", "!~", "^{`|}")],
        [oidc(scopes=["openid", scope]) for scope in ("a b", 'a"', "a\\b", "", "a\x7f", "\u00e4")],
        "spec.web.oidc.scopes must consist of printable ASCII characters without spaces",
    ),
    (
        _PATH,
        [oidc(groupsClaim=claim) for claim in ("groups", "https://acme.example/groups", "cognito:groups")],
        [oidc(groupsClaim=claim) for claim in ("a b", "a\t")],
        "spec.web.oidc.groupsClaim must consist of printable ASCII characters",
    ),
    (_PATH, [], [oidc(groupsClaim="")], "spec.web.oidc.groupsClaim"),
    (_PATH, [numbered(1), numbered(100)], [numbered(0), numbered(101)], "spec.web.oidc.groups"),
    (
        _PATH,
        [oidc(groups=[{"provider": "a", "group": "x"}, {"provider": "a", "group": "y"}])],
        [oidc(groups=[{"provider": "a", "group": "x"}] * 2)],
        "Duplicate value",
    ),
    (
        _PATH,
        [mapped(provider=name) for name in ("platform-team", "/acme/a team", "\U0001d518: #", "a" * 253)],
        [mapped(provider=name) for name in ("a\nb", "\x00", "\x7f")],
        "spec.web.oidc.groups[].provider must not have control characters",
    ),
    (_PATH, [], [mapped(provider=""), mapped(provider="a" * 254)], "spec.web.oidc.groups[0].provider"),
    (
        _PATH,
        [mapped(group=name) for name in ("platform", "pub_1.x", "a" * 63)],
        [mapped(group=name) for name in ("A", "-a", "a-", "group:a")],
        "spec.web.oidc.groups[].group must consist of a-z",
    ),
    *((_PATH, [], [oidc(groups=[{name: "a"}])], "Required value") for name in ("provider", "group")),
    (_PATH, [oidc(caBundle="a" * 16384)], [oidc(caBundle="a" * 16385)], "may not be more than 16384"),
]

"""The largest resources that the schemas take, as far as an access file grows by them."""

from typing import Any

VERBS = ["read", "publish", "yank", "delete", "manage"]
LETTER = "\U0001d518"
"""Four bytes in UTF-8, and one character to a schema."""


def user(namespace: str) -> dict[str, Any]:
    """Return an IndexUser of PackageIndex packages/main."""
    return {
        "apiVersion": "wheelyard.dev/v1",
        "kind": "IndexUser",
        "metadata": {"name": "u" * 63, "namespace": namespace, "uid": "largest"},
        "spec": {
            "indexRef": {"name": "main", "namespace": "packages"},
            "groups": _distinct(50, 63),
            "grants": _grants(12288, 20, 30),
            "credentials": {"passwordSecretRef": {"name": "p"}},
            "serviceAccounts": [{"name": name} for name in _distinct(20, 253)],
            "trustedPublishers": [_oidc(10), _oidc(6), *({"gitlab": _gitlab(number)} for number in range(18))],
        },
    }


def _grants(characters: int, grants: int, globs: int) -> list[dict[str, Any]]:
    """Return rights that differ for each verb, so that no two verbs can share their globs."""
    single = [{"packages": [f"{verb[0]}-*"], "verbs": [verb]} for verb in VERBS]
    count = (grants - len(single)) * globs
    length = min((characters - len(single) * 6) // count - 3, 128)
    every = _distinct(count, length)
    many = [{"packages": every[at : at + globs], "verbs": VERBS} for at in range(0, count, globs)]
    return [*many, *single]


def _oidc(claims: int) -> dict[str, Any]:
    return {
        "oidc": {
            "issuer": "https://" + "i" * 245,
            "claims": {f"{number}": LETTER * 254 for number in range(claims)},
        }
    }


def _gitlab(number: int) -> dict[str, str]:
    return {
        "url": "https://" + "g" * 245,
        "project": f"{number:03}/".ljust(255, "p"),
        "configFile": "c" * 200,
        "environment": LETTER * 255,
    }


def _distinct(count: int, length: int) -> list[str]:
    return [f"{number}".ljust(length, "x") for number in range(count)]


MAXIMUM = {"groups": _distinct(50, 63), "grants": _grants(4096, 20, 20)}
INDEX_ACCESS = {
    "grants": [
        {
            "subjects": [f"group:{name}" for name in _distinct(50, 63)],
            "packages": _distinct(50, 128),
            "verbs": VERBS,
        }
        for _ in range(3)
    ],
    "users": {"namespaces": {"from": "All"}, "maximum": MAXIMUM},
}

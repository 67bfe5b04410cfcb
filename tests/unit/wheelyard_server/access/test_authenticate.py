import base64

import pytest

from support.access import token_of
from wheelyard_server.access import tokens
from wheelyard_server.access.authenticate import authenticate
from wheelyard_server.access.rules import ANONYMOUS, AccessFile, User, rules_of
from wheelyard_server.errors import UnauthenticatedError

TOKEN = token_of("jenkins")
OTHER = token_of("other")
RULES = rules_of(
    AccessFile(
        users=(
            User(name="ci.jenkins", groups=("publishers",), token_digests=(tokens.digest(TOKEN),)),
            User(name="web.reader", token_digests=(tokens.digest(OTHER),)),
        )
    )
)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "header", [basic("ci.jenkins", TOKEN), basic("__token__", TOKEN), f"Bearer {TOKEN}", f"bearer  {TOKEN} "]
)
def test_every_way_in_leads_to_the_same_principal(header: str) -> None:
    principal = authenticate(header, RULES)
    assert principal.name == "ci.jenkins"
    assert principal.subjects == {"anonymous", "authenticated", "user:ci.jenkins", "group:publishers"}


def test_no_header_is_anonymous() -> None:
    assert authenticate(None, RULES) == ANONYMOUS


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ???",
        "Basic \udc94",
        "Basic \u00e4",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        basic("ci.jenkins", ""),
        basic("ci.jenkins", "secret"),
        basic("ci.jenkins", token_of("unknown")),
        basic("ci.jenkins", OTHER),
        basic("", TOKEN),
        f"Bearer {token_of('unknown')}",
        f"Digest {TOKEN}",
    ],
)
def test_credentials_that_are_not_valid_are_refused(header: str) -> None:
    with pytest.raises(UnauthenticatedError):
        authenticate(header, RULES)

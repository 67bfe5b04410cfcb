"""Users of a made-up index, with their tokens, and what each may do."""

import hashlib

from wheelyard_server.access import tokens
from wheelyard_server.access.access_file import AccessFile, User
from wheelyard_server.access.rules import Grant, Verb


def token_of(name: str) -> str:
    """Return a token that is the same in every process: names of tests may have it in them."""
    body = tokens.PREFIX + tokens._base62(int(hashlib.sha256(name.encode()).hexdigest(), 16), tokens.SECRET_LENGTH)
    return body + tokens._checksum(body)


PUBLISHER, READER, NOBODY, OWNER = map(token_of, ("publisher", "reader", "nobody", "owner"))
USERS = (
    User(name="ci.publisher", token_digests=(tokens.digest(PUBLISHER),)),
    User(name="web.reader", token_digests=(tokens.digest(READER),)),
    User(name="team.owner", groups=("owners",), token_digests=(tokens.digest(OWNER),)),
    User(name="web.nobody", token_digests=(tokens.digest(NOBODY),)),
)
ACCESS = AccessFile(
    users=USERS,
    grants=(
        Grant(subjects=("anonymous",), packages=("open-*", "demo"), verbs=(Verb.READ,)),
        Grant(subjects=("user:web.reader",), packages=("secret-*",), verbs=(Verb.READ,)),
        Grant(
            subjects=("user:ci.publisher",),
            packages=("demo", "open-*", "secret-*"),
            verbs=(Verb.READ, Verb.PUBLISH),
        ),
        Grant(subjects=("group:owners",), packages=("demo", "open-*"), verbs=tuple(Verb)),
    ),
)

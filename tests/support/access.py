"""Users of a made-up index, with their tokens, and what each may do."""

from wheelyard_server.access import tokens
from wheelyard_server.access.rules import AccessFile, Grant, User, Verb

PUBLISHER, READER, NOBODY, OWNER = (tokens.make() for _ in range(4))
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

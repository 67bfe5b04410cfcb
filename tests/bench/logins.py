"""The cost of authentication: `python -m bench.logins`, with 1,000 users in the access file.

Ratios are to a password's slow hash in the same run; the times are of this machine.
"""

import asyncio
import base64
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from support.issuers import AUDIENCE, TestIssuer
from wheelyard_operator.passwords import hashed
from wheelyard_server.access import tokens
from wheelyard_server.access.accepted_users import AcceptedUsers
from wheelyard_server.access.access_file import AccessFile, Password, TokenIdentity, User
from wheelyard_server.access.authenticate import PresentedCredentials, authenticate
from wheelyard_server.access.passwords import PasswordChecker
from wheelyard_server.access.signed_tokens import SignedClaims

USERS = 1000
ROUNDS, CALLS = 7, 500
PASSWORD = "correct horse"
WAYS = (
    "token",
    "ServiceAccount",
    "minted for a CI job",
    "password, within a minute",
    "password, the first time",
)
CLUSTER = TestIssuer("https://kubernetes.default.svc")


def accepted_users() -> tuple[AcceptedUsers, str]:
    """Return the users of an index, and the token of one of them."""
    token, slow = tokens.make(), hashed(PASSWORD).hash
    users = tuple(
        User(
            name=f"ci.user{number}",
            token_digests=(tokens.digest(token if number == 0 else tokens.make()),),
            passwords=(Password(hash=slow),),
            identities=(
                TokenIdentity(issuer=CLUSTER.url, claims={"sub": f"system:serviceaccount:ci:user{number}"}),
            ),
            trusted_publishers=(TokenIdentity(issuer=CLUSTER.url, claims={"repository": f"acme/app{number}"}),),
        )
        for number in range(USERS)
    )
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    file = AccessFile(users=users, audience=AUDIENCE, issuers=(CLUSTER.public,), minting_keys=(key,))
    return AcceptedUsers(file), token


async def seconds(call: Callable[[], Awaitable[object]], calls: int = CALLS) -> float:
    """Return the median time of one call, over several rounds after a warm-up."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            await call()
        rounds.append((time.perf_counter() - start) / calls)
    return statistics.median(rounds[1:])


async def microseconds() -> dict[str, float]:
    """Return what each way to log in takes."""
    known, token = accepted_users()
    now, checker = datetime.now(UTC), PasswordChecker(time.monotonic)
    job = known.by_name["ci.user0"]
    minted = known.mint.mint(job, job.trusted_publishers[0], SignedClaims("https://ci.example", {}), now).token
    basic = base64.b64encode(f"ci.user0:{PASSWORD}".encode()).decode()
    headers = (
        f"Bearer {token}",
        f"Bearer {CLUSTER.sign(sub='system:serviceaccount:ci:user0')}",
        f"Bearer {minted}",
        f"Basic {basic}",
    )
    hashing = await seconds(lambda: PasswordChecker(time.monotonic).check("a", (PASSWORD,), job.passwords, ""), 5)
    found = []
    for header in headers:
        showing = PresentedCredentials(header, "127.0.0.1", now)
        found.append(await seconds(lambda: authenticate(showing, known, checker)))  # noqa: B023 - awaited at once
    return dict(zip(WAYS, [each * 1e6 for each in (*found, hashing)], strict=True))


async def main() -> None:
    """Print the table."""
    found = await microseconds()
    print(f"{'log in by':<28}{'microseconds':>13}{'of a hash':>12}")  # noqa: T201
    for name, each in found.items():
        print(f"{name:<28}{each:>13.1f}{each / found[WAYS[-1]]:>12.5f}")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())

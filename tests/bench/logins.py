"""What it costs to find out who is asking: `python -m bench.logins`, with 1,000 users in the access file.

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
from wheelyard_server.access.authenticate import Showing, authenticate
from wheelyard_server.access.file import AccessFile, Identity, Password, User
from wheelyard_server.access.logins import Logins
from wheelyard_server.access.passwords import PasswordChecker

USERS = 1000
ROUNDS, CALLS = 7, 500
PASSWORD = "correct horse"
CLUSTER = TestIssuer("https://kubernetes.default.svc")


def logins() -> tuple[Logins, str]:
    """Return the users of an index, and the token of one of them."""
    token, slow = tokens.make(), hashed(PASSWORD).hash
    users = tuple(
        User(
            name=f"ci.user{number}",
            token_digests=(tokens.digest(token if number == 0 else tokens.make()),),
            passwords=(Password(hash=slow),),
            identities=(Identity(issuer=CLUSTER.url, claims={"sub": f"system:serviceaccount:ci:user{number}"}),),
            trusted_publishers=(Identity(issuer=CLUSTER.url, claims={"repository": f"acme/app{number}"}),),
        )
        for number in range(USERS)
    )
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    file = AccessFile(users=users, audience=AUDIENCE, issuers=(CLUSTER.public,), minting_keys=(key,))
    return Logins(file), token


async def seconds(call: Callable[[], Awaitable[object]], calls: int = CALLS) -> float:
    """Return the median time of one call, over several rounds after a warm-up."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            await call()
        rounds.append((time.perf_counter() - start) / calls)
    return statistics.median(rounds[1:])


async def main() -> None:
    """Print the table."""
    known, token = logins()
    now, checker = datetime.now(UTC), PasswordChecker(time.monotonic)
    job = known.by_name["ci.user0"]
    minted = known.mint.mint(job, job.trusted_publishers[0], now).token
    shown = {
        "token": f"Bearer {token}",
        "ServiceAccount": f"Bearer {CLUSTER.sign(sub='system:serviceaccount:ci:user0')}",
        "minted for a CI job": f"Bearer {minted}",
        "password, within a minute": f"Basic {base64.b64encode(f'ci.user0:{PASSWORD}'.encode()).decode()}",
    }
    hashing = await seconds(lambda: PasswordChecker(time.monotonic).check("a", PASSWORD, job.passwords, ""), 5)
    print(f"{'log in by':<28}{'microseconds':>13}{'of a hash':>12}")  # noqa: T201
    for name, header in shown.items():
        showing = Showing(header, "127.0.0.1", now)
        each = await seconds(lambda: authenticate(showing, known, checker))  # noqa: B023 - awaited at once
        print(f"{name:<28}{each * 1e6:>13.1f}{each / hashing:>12.5f}")  # noqa: T201
    print(f"{'password, the first time':<28}{hashing * 1e6:>13.0f}{1:>12.5f}")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())

"""What a change of one user costs an index with very many: `python -m bench.users`.

The operator writes the access file again, and every index server reads it; each user asks whether
it is in force. The times are of one processor of this machine.
"""

import base64
import secrets
import statistics
import time
from collections.abc import Callable

from wheelyard_operator import tokens
from wheelyard_operator.desired.access_file import AcceptedUser, TrustedIssuers, access_file, is_in_force, packed
from wheelyard_operator.desired.credentials import Credentials, Previous
from wheelyard_operator.resource import IndexUser, PackageIndex
from wheelyard_operator.resource.rights import rights
from wheelyard_server.access.access_file import parse
from wheelyard_server.access.reloading import access_of

SIZES = (100, 1_000, 10_000)
ROUNDS = 5
NOW = "2026-01-01T00:00:00Z"
ISSUERS = TrustedIssuers("https://kubernetes.default.svc", ())


def resource(kind: str, name: str, namespace: str, **spec: object) -> dict[str, object]:
    """Return a resource as the API server has it."""
    metadata = {"name": name, "namespace": namespace, "uid": name, "creationTimestamp": NOW}
    return {"apiVersion": "wheelyard.dev/v1", "kind": kind, "metadata": metadata, "spec": spec}


INDEX = PackageIndex.parse(
    resource(
        "PackageIndex",
        "main",
        "packages",
        storage={"s3": {"bucket": "acme", "provision": {"bucket": True, "user": True}}},
        access={"users": {"namespaces": {"from": "All"}}},
    )
)


def accepted(number: int) -> AcceptedUser:
    """Return a team's user: two tokens, as after a rotation, a ServiceAccount, a group, a grant of its own."""
    user = IndexUser.parse(
        resource(
            "IndexUser",
            f"service-{number}",
            f"team-{number % 200}",
            indexRef={"name": "main", "namespace": "packages"},
            groups=["publishers"],
            grants=[{"packages": [f"app{number}-*"], "verbs": ["read", "publish"]}],
            serviceAccounts=[{"name": "agent"}],
        )
    )
    previous = (Previous(tokens.digest(secrets.token_hex()), NOW),)
    credentials = Credentials(tokens.new_token(secrets.token_bytes), NOW, previous=previous)
    return AcceptedUser(user, rights(INDEX, user), credentials)


def milliseconds(call: Callable[[], object]) -> float:
    """Return the median time of a call."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        call()
        rounds.append((time.process_time() - start) * 1e3)
    return statistics.median(rounds)


def main() -> None:
    """Print the table."""
    print(f"{'users':>8}{'KiB':>8}{'written, ms':>14}{'read, ms':>12}{'in force?, ms':>16}")  # noqa: T201
    for size in SIZES:
        accepted_users = [accepted(number) for number in range(size)]
        text = access_file(INDEX, accepted_users, ISSUERS)
        file = base64.b64decode(packed(text))
        written = milliseconds(lambda: packed(access_file(INDEX, accepted_users, ISSUERS)))  # noqa: B023 - called at once
        read = milliseconds(lambda: access_of(parse(file)))  # noqa: B023
        asked = milliseconds(lambda: is_in_force(text, accepted_users[-1], ISSUERS))  # noqa: B023
        print(f"{size:>8}{len(file) / 1024:>8.0f}{written:>14.1f}{read:>12.1f}{asked:>16.2f}")  # noqa: T201


if __name__ == "__main__":
    main()

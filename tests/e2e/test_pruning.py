"""What a resource does not ask for any more goes, and nothing else."""

import json

from support.here import Here
from support.kubectl import eventually


def test_budgets_and_secrets_that_are_not_wanted_any_more(here: Here, bucket: str) -> None:
    mine = ("-n", here.namespace)

    def there(kind: str) -> set[str]:
        return set(here.kubectl(*mine, "get", kind, "-o", "name").split())

    here.index(bucket, spec={"replicas": 2})
    here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
    here.wait_for("packageindex", "main", "Ready", "Serving")
    here.wait_for("indexuser", "ci", "Ready", "LoginInForce")
    assert there("poddisruptionbudgets") == {"poddisruptionbudget.policy/wheelyard-main"}
    token = here.kubectl.secret(here.namespace, "ci-pypi")["password"]

    here.index(bucket, spec={"replicas": 1})
    eventually(lambda: there("poddisruptionbudgets") == set(), "one server needs no budget")
    patch = json.dumps({"spec": {"credentials": {"secretName": "login"}}})
    here.kubectl(*mine, "patch", "indexuser", "ci", "--type=merge", "-p", patch)
    eventually(lambda: "secret/ci-pypi" not in there("secrets"), "the Secret of the former name is gone")
    assert here.kubectl.secret(here.namespace, "login")["password"] == token, "another name is no other login"

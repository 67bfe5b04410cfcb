from unit.wheelyard_operator.fakes import a_user, an_index
from wheelyard_operator.desired.common import content_digest, decoded, encoded, index_metadata, user_metadata


def test_the_indexs_own_labels_are_never_copied() -> None:
    """Argo CD prunes whatever carries app.kubernetes.io/instance and is not in Git."""
    assert index_metadata(an_index(), "x")["labels"] == {
        "app.kubernetes.io/name": "wheelyard",
        "app.kubernetes.io/component": "index-server",
        "app.kubernetes.io/managed-by": "wheelyard-operator",
        "wheelyard.dev/index": "main",
    }


def test_children_are_owned_by_their_index() -> None:
    (owner,) = index_metadata(an_index(), "x")["ownerReferences"]
    assert owner == {
        "apiVersion": "wheelyard.dev/v1",
        "kind": "PackageIndex",
        "name": "main",
        "uid": "uid-of-main",
        "controller": True,
    }


def test_a_users_labels_lead_to_the_index() -> None:
    labels = user_metadata(a_user(namespace="ci"), "x")["labels"]
    assert labels["wheelyard.dev/user"] == "jenkins"
    assert labels["wheelyard.dev/index"] == "main"
    assert labels["wheelyard.dev/index-namespace"] == "packages"


def test_digest_is_of_content() -> None:
    assert content_digest({"a": 1, "b": 2}) == content_digest({"b": 2, "a": 1})
    assert content_digest({"a": 1}) != content_digest({"a": 2})


def test_data_of_a_secret_is_decoded_and_damage_reads_as_empty() -> None:
    secret = {"data": {**encoded({"a": "ä"}), "broken": "%%%", "binary": "/w=="}}
    assert decoded(secret, "a") == "ä"
    assert [decoded(secret, key) for key in ("none", "broken", "binary")] == ["", "", ""]
    assert decoded({}, "a") == ""

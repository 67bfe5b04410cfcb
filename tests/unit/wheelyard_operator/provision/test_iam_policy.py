from fnmatch import fnmatchcase

from unit.wheelyard_operator.fakes import an_index, s3_of
from wheelyard_operator.provision.iam_policy import storage_policy


def test_a_prefix_unlocks_nothing_outside_it() -> None:
    listing, objects = storage_policy(s3_of(an_index(s3__prefix="team/")))["Statement"]
    assert listing["Resource"] == ["arn:aws:s3:::acme"]
    (pattern,) = listing["Condition"]["StringLike"]["s3:prefix"]
    assert fnmatchcase("team/projects/", pattern)
    assert not fnmatchcase("team2/", pattern)
    assert not fnmatchcase("", pattern)
    (resource,) = objects["Resource"]
    assert fnmatchcase("arn:aws:s3:::acme/team/x", resource)
    assert not fnmatchcase("arn:aws:s3:::acme/team2/x", resource)


def test_a_policy_without_a_prefix_covers_the_bucket() -> None:
    listing, objects = storage_policy(s3_of(an_index()))["Statement"]
    assert "Condition" not in listing
    assert objects["Resource"] == ["arn:aws:s3:::acme/*"]


def test_no_wildcard_actions() -> None:
    for statement in storage_policy(s3_of(an_index()))["Statement"]:
        assert not any("*" in action for action in statement["Action"])


def test_a_policy_names_the_partition() -> None:
    for statement in storage_policy(s3_of(an_index()), "aws-cn")["Statement"]:
        assert all(each.startswith("arn:aws-cn:s3:::acme") for each in statement["Resource"])

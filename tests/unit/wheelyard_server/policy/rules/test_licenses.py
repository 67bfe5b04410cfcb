"""License expressions against the lists of a policy."""

import pytest

from support.policies import judge, mirror_of, mirrored
from wheelyard_server.model.mirror import NO_LICENSE
from wheelyard_server.policy.license_expressions import MAX_EXPRESSION_LENGTH, canonical


def is_served(policy: str, license_: str) -> bool:
    file = mirrored(license=license_)
    return judge(f"licenses: {{action: Block, {policy}}}", mirror_of(file)).verdict(file).is_served


@pytest.mark.parametrize(
    ("policy", "license_", "expected"),
    [
        ("deny: [AGPL-3.0-*]", "AGPL-3.0-only", False),
        ("deny: [agpl-3.0-*]", "AGPL-3.0-or-later", False),
        ("deny: [AGPL-3.0-*]", "MIT", True),
        # one alternative is enough
        ("deny: [AGPL-3.0-*]", "MIT OR AGPL-3.0-only", True),
        ("deny: [AGPL-3.0-*]", "AGPL-3.0-only OR MIT", True),
        ("deny: [AGPL-3.0-*, MIT]", "MIT OR AGPL-3.0-only", False),
        # all parts are needed
        ("deny: [AGPL-3.0-*]", "MIT AND AGPL-3.0-only", False),
        ("deny: [AGPL-3.0-*]", "AGPL-3.0-only AND MIT", False),
        ("allow: [MIT]", "MIT AND Apache-2.0", False),
        ("allow: [MIT, Apache-*]", "MIT AND Apache-2.0", True),
        # AND binds tighter than OR
        ("allow: [MIT]", "MIT OR Apache-2.0 AND BSD-3-Clause", True),
        ("allow: [MIT]", "(MIT OR Apache-2.0) AND BSD-3-Clause", False),
        ("allow: [MIT, BSD-3-Clause]", "(MIT OR Apache-2.0) AND BSD-3-Clause", True),
        ("allow: [MIT, BSD-3-Clause]", "BSD-3-Clause AND (Apache-2.0 AND (ISC OR MIT) OR MIT)", True),
        # exceptions of a license permit more than the license
        ("allow: [GPL-2.0-only]", "GPL-2.0-only WITH Classpath-exception-2.0", True),
        ("deny: [GPL-2.0-only]", "GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("allow: ['GPL-2.0-only WITH Classpath-*']", "GPL-2.0-only WITH Classpath-exception-2.0", True),
        ("allow: ['GPL-2.0-only WITH Classpath-*']", "GPL-2.0-only", False),
        # deny precedes allow
        ("allow: ['*'], deny: [MIT]", "MIT", False),
        ("allow: [LicenseRef-*]", "LicenseRef-Proprietary", True),
        # unknown: not looked for yet, looked for without success, and unreadable
        ("deny: [MIT]", "", True),
        ("allow: [MIT]", NO_LICENSE, True),
        ("unknown: Block", "", False),
        ("unknown: Block", NO_LICENSE, False),
        ("unknown: Block", "something free", False),
        ("unknown: Block", "MIT AND", False),
        ("unknown: Block", "MIT", True),
        ("unknown: Allow", "something free", True),
    ],
)
def test_a_file_is_served_if_its_license_expression_is_true_of_the_lists(
    policy: str, license_: str, *, expected: bool
) -> None:
    assert is_served(policy, license_) is expected


@pytest.mark.parametrize("depth", [1, 40, MAX_EXPRESSION_LENGTH // 2 - 2, MAX_EXPRESSION_LENGTH])
def test_nesting_is_read_or_unknown_but_never_an_error(depth: int) -> None:
    nested = f"{'(' * depth}MIT{')' * depth}"
    assert is_served("deny: [MIT], unknown: Block", nested) is False
    assert is_served("allow: [MIT], unknown: Allow", nested) is True


def test_an_expression_gets_the_spelling_of_spdx() -> None:
    assert canonical("mit or apache-2.0") == "MIT OR Apache-2.0"
    assert canonical("x" * (MAX_EXPRESSION_LENGTH + 1)) == canonical("") == canonical("\n") == canonical("-") == ""

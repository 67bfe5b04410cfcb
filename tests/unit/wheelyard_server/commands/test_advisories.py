from pathlib import Path

import pytest

from support.noted_calls import NOTED, parsed
from wheelyard_server.commands import advisories as module


@pytest.mark.parametrize(("flags", "query"), [((), ""), (("--accept",), "?accept=true")])
def test_an_export_is_sent_and_accepted_only_with_the_flag(
    tmp_path: Path, flags: tuple[str, ...], query: str
) -> None:
    export = tmp_path / "all.zip"
    export.write_bytes(b"zip")
    sent = module.load(NOTED, parsed(module, "advisories", "load", str(export), *flags))
    assert sent == {"sent": ["PUT", f"/advisories{query}", b"zip", "application/zip", 600]}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"waiting": None, "state": "InForce"}, 0),
        ({"waiting": {"reason": "it has 1 record, after 50"}, "state": "InForce"}, 1),
        ({"waiting": None, "state": "Lost"}, 1),
    ],
)
def test_the_exit_code_is_1_if_a_person_must_do_something(answer: dict[str, object], code: int) -> None:
    for action in (("load", "all.zip"), ("accept",), ("status",)):
        assert parsed(module, "advisories", *action).exit_code(answer) == code

"""Publishers of a project's files: the first attested one stays, and what is not known yet waits."""

import pytest

from support.policies import judge, mirror_of, mirrored
from wheelyard_server.model.mirror import NO_PUBLISHER, MirroredFile

POLICY = "cooldown: {action: Off}\nprovenance: {action: Block}"


def file(days: float | None, publisher: str | None) -> MirroredFile:
    """Return a file with the provenance of a publisher; "" is not known yet, None is no provenance."""
    name = f"demo-{0 if days is None else 100 - days}-py3-none-any.whl"
    if publisher is None:
        return mirrored(name, days)
    return mirrored(name, days, provenance_url="https://upstream.example.com/p", publisher=publisher)


@pytest.mark.parametrize(
    ("files", "served"),
    [
        pytest.param([(3, None), (2, None), (1, None)], [True, True, True], id="never attested"),
        pytest.param([(3, None), (2, "a"), (1, "a")], [True, True, True], id="attested from some release on"),
        pytest.param(
            [(3, "a"), (2, None), (1, "a")], [True, False, True], id="without, as an attacker's with a token"
        ),
        pytest.param(
            [(3, "a"), (2, "b"), (1, "b")], [True, False, False], id="another one, which never gets usual"
        ),
        pytest.param([(3, "a"), (2, NO_PUBLISHER)], [True, False], id="an attestation without a publisher"),
        pytest.param(
            [(3, NO_PUBLISHER), (2, "a"), (1, None)], [True, True, False], id="the first readable one counts"
        ),
        pytest.param([(3, "a"), (2, "")], [True, False], id="not known yet"),
        pytest.param([(3, ""), (2, "a"), (1, None)], [True, False, False], id="the first one is not known yet"),
        pytest.param([(2, "a"), (2, "b"), (2, None)], [True, False, False], id="the same moment"),
        pytest.param([(2, "a"), (None, None), (None, "a")], [True, False, True], id="without a time"),
    ],
)
def test_a_file_comes_from_the_first_publisher_or_is_refused(
    files: list[tuple[float | None, str | None]], served: list[bool]
) -> None:
    made = [file(*each).replace(path=f"/{number}") for number, each in enumerate(files)]
    made = [each.replace(filename=f"{number}-{each.filename}") for number, each in enumerate(made)]
    for project in (mirror_of(*made), mirror_of(*reversed(made))):
        found = judge(POLICY, project)
        assert [found.verdict(each).is_served for each in made] == served


@pytest.mark.parametrize(
    ("publisher", "words"),
    [
        (None, "has no attested publisher, but earlier files are published by git/acme"),
        (NO_PUBLISHER, "has no attested publisher, but earlier files are published by git/acme"),
        ("git/evil", "is published by git/evil, but earlier files by git/acme"),
        ("", "The publisher of demo-99-py3-none-any.whl is not known yet"),
    ],
)
def test_the_sentence_names_both_publishers(publisher: str | None, words: str) -> None:
    project = mirror_of(file(3, "git/acme"), file(1, publisher))
    assert project.mirror is not None
    assert words in judge(POLICY, project).verdict(project.mirror.files[1]).reason

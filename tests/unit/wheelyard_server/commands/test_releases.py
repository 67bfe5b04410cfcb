import pytest

from wheelyard_server.commands.client import ClientError
from wheelyard_server.commands.releases import project_and_version


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("flask", ("flask", "")),
        ("My_App.x==1.0", ("My_App.x", "1.0")),
        ("torch==1!2.0+cu121", ("torch", "1!2.0+cu121")),
    ],
)
def test_a_project_or_a_release_is_taken(text: str, release: tuple[str, str]) -> None:
    assert project_and_version(text) == release


@pytest.mark.parametrize(
    "text", ["", "flask>=2", "flask[async]", "flask==", "flask===1", "flask == 1", "../x", "a==1/2"]
)
def test_anything_else_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ClientError, match=r"Write PROJECT or PROJECT==VERSION, such as flask==3\.1\.3, instead of"):
        project_and_version(text)

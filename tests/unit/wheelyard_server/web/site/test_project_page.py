"""Values of the page of a project."""

import pytest

from wheelyard_server.model.mirror import NO_PUBLISHER
from wheelyard_server.web.site.project_page import in_words


@pytest.mark.parametrize(
    ("publisher", "words"),
    [
        (
            "GitHub acme/demo release.yml",
            "GitHub Actions from the repository acme/demo by the workflow release.yml",
        ),
        ("GitLab acme/demo .gitlab-ci.yml", "GitLab CI from the repository acme/demo by .gitlab-ci.yml"),
        ("CircleCI p d", "CircleCI from the project p by the pipeline d"),
        ("Google ci@example.com", "the Google Cloud service account ci@example.com"),
        (
            "GitHub a/b x and Google c@e.com",
            "GitHub Actions from the repository a/b by the workflow x and the Google Cloud service account c@e.com",
        ),
        ("Other {0} {1}", "Other {0} {1}"),
        ("GitHub a/b x y z", "GitHub a/b x y z"),
        (NO_PUBLISHER, ""),
        ("", ""),
    ],
)
def test_a_publisher_is_said_in_words(publisher: str, words: str) -> None:
    assert in_words(publisher) == words

"""The page about the Helm values (docs/hooks/helm_values.py)."""

from pathlib import Path

import pytest

import helm_values
from helm_values import Value

TEXT = """\
# The image.
image:
  # Its repository,
  # without a tag.
  repository: wheelyard

aws:
  endpoints:
    # The S3 server.
    s3: ""

# Its limits.
resources:
  requests:
    cpu: 50m
# Labels of nodes.
nodeSelector: {}
"""


def test_every_value_has_its_comment_and_its_default() -> None:
    assert list(helm_values.values(TEXT)) == [
        Value("image.repository", "wheelyard", "Its repository, without a tag."),
        Value("aws.endpoints.s3", "", "The S3 server."),
        Value("resources", {"requests": {"cpu": "50m"}}, "Its limits."),
        Value("nodeSelector", {}, "Labels of nodes."),
    ]


def test_a_value_without_a_comment_fails() -> None:
    with pytest.raises(helm_values.UndescribedValueError, match=r"write a comment above aws\.region"):
        list(helm_values.values("aws:\n  # The bucket.\n  bucket: a\n  region: b\n"))


def test_the_page_shows_what_a_value_is_unless_it_is_set() -> None:
    page = helm_values.page(TEXT)
    assert '### `aws.endpoints.s3`\n\nThe S3 server.\n\nDefault: `""`\n' in page
    assert "## resources\n\nIts limits.\n\n```yaml\nrequests:\n  cpu: 50m\n```\n" in page


def test_the_table_in_the_chart_s_readme_is_current() -> None:
    chart = Path(__file__).parents[3] / "charts/wheelyard"
    assert (chart / "README.md").read_text() == helm_values.readme(chart), "run: make chart-readme"

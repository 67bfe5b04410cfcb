"""The S3 server of all suites. Every test run imports this file: it imports nothing heavy, such as boto3."""

import itertools
import sys
from collections.abc import Iterator

import pytest

from cluster import versitygw


def pytest_collection_finish(session: pytest.Session) -> None:
    """Unload the plugin of hypothesis if no test needs it: at its end it would import all of hypothesis."""
    if "hypothesis" not in sys.modules:
        session.config.pluginmanager.unregister(name="hypothesispytest")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[versitygw.S3Server]:
    """Run a private versitygw for as long as the tests run."""
    with versitygw.running(tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture(scope="session")
def bucket_names() -> Iterator[str]:
    return (f"bucket-{number}" for number in itertools.count())

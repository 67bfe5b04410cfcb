"""Authorities of clusters and companies that break the form of RFC 5280 are trusted on every Python."""

import ssl
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import kubernetes
import pytest

from support.tls import Tls, certify, tls
from wheelyard_operator.process.cluster_login import ClusterConnection, client_of
from wheelyard_operator.provision.issuers import Web
from wheelyard_server.tls import client_context

PYTHON_WITH_STRICT_FORM = (3, 13)


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Tls]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as behind:
        thread = threading.Thread(target=behind.serve_forever)
        thread.start()
        with tls(f"http://127.0.0.1:{behind.server_port}", tmp_path, in_form=False) as made:
            yield made
        behind.shutdown()
        thread.join()


def of_urllib(server: Tls, context: ssl.SSLContext) -> None:
    with urllib.request.urlopen(server.url, context=context) as answer:
        assert answer.read() == b"{}"


def of_the_official_client(server: Tls) -> None:
    configuration = kubernetes.client.Configuration(host=server.url)
    configuration.ssl_ca_cert, configuration.retries = str(server.certificate), False
    with client_of(configuration) as client:
        client.rest_client.GET(f"{server.url}/")


def of_kopf(server: Tls) -> None:
    of_urllib(server, ClusterConnection(server=server.url, ca_path=server.certificate).as_ssl_context())


def of_issuers(server: Tls) -> None:
    assert Web(server.certificate.read_text())(f"{server.url}/") == {}


def of_the_index_server(server: Tls) -> None:
    of_urllib(server, client_context(server.certificate.read_text()))


@pytest.mark.parametrize("ask", [of_the_official_client, of_kopf, of_issuers, of_the_index_server])
def test_an_authority_without_key_usage_is_trusted(server: Tls, ask: Callable[[Tls], None]) -> None:
    ask(server)


@pytest.mark.parametrize("ask", [of_the_official_client, of_kopf, of_issuers, of_the_index_server])
def test_an_authority_that_is_not_named_is_not_trusted(
    server: Tls, ask: Callable[[Tls], None], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = certify(tmp_path / "other", "127.0.0.1", in_form=False)
    with pytest.raises(Exception, match=r"(?i)certificate verify failed|SSLError"):
        ask(Tls(server.url, other.authority))


@pytest.mark.skipif(
    sys.version_info < PYTHON_WITH_STRICT_FORM, reason="Python 3.13 made the strict form the default"
)
def test_python_alone_refuses_such_an_authority(server: Tls) -> None:
    with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
        of_urllib(server, ssl.create_default_context(cafile=server.certificate))

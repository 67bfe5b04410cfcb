"""Credentials, redirects of files, TLS and proxies, on real sockets."""

import asyncio
import base64
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.scripted_server import Reply, Request, in_turn, page, reply, scripted
from support.tls import Certificate, certify
from support.upstream_clients import asked, asked_by, opened, read_all, settings_of
from wheelyard_server.errors import (
    UpstreamAnswerError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamUnavailableError,
)
from wheelyard_server.names import parse_project_name
from wheelyard_server.upstream import Page, Upstream, pypi
from wheelyard_server.upstream.opening import open_upstreams

DEMO = parse_project_name("demo")
SECRET = "s3cr3t-token"
BASIC = f"Basic {base64.b64encode(f'me:{SECRET}'.encode()).decode()}"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        for each in (name, name.lower()):
            monkeypatch.delenv(each, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "credentials"
    made.mkdir()
    (made / "username").write_text("me")
    (made / "password").write_text(SECRET)
    return made


async def test_credentials_go_with_pages_and_with_files_of_the_same_origin(folder: Path) -> None:
    async with asked(page(), reply(200, b"x"), credentialsFolder=str(folder)) as (server, client):
        await client.page(DEMO)
        await read_all(await client.open(f"{server.url}a"))
        await client.read(f"{server.url}a.metadata", 10)
        assert [request.header("Authorization") for request in server.requests] == [BASIC] * 3


async def test_a_token_is_sent_as_bearer(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET)
    async with asked(page(), credentialsFolder=str(tmp_path)) as (server, client):
        await client.page(DEMO)
        assert server.requests[0].header("Authorization") == f"Bearer {SECRET}"


async def test_a_folder_without_credentials_is_an_error_before_any_request(tmp_path: Path) -> None:
    async with asked(page(), credentialsFolder=str(tmp_path)) as (server, client):
        with pytest.raises(UpstreamCredentialsError, match="has no usable credentials"):
            await client.page(DEMO)
        assert not server.requests
        assert not client.health().is_reachable


async def test_a_login_in_the_url_of_a_file_is_not_sent() -> None:
    async with asked(reply(200, b"x")) as (server, client):
        await read_all(await client.open(f"http://me:{SECRET}@{server.host}/a"))
        assert not server.requests[0].header("Authorization")


async def test_credentials_that_changed_are_sent_after_a_refusal(folder: Path) -> None:
    def answered(request: Request) -> Reply:
        (folder / "password").write_text("renewed")
        return reply(401) if request.header("Authorization") == BASIC else page()

    async with asked_by(answered, credentialsFolder=str(folder)) as (server, client):
        assert isinstance(await client.page(DEMO), Page)
        assert len(server.requests) == 2
        assert client.health().is_reachable


async def test_credentials_that_did_not_change_are_sent_once(folder: Path) -> None:
    async with asked(reply(401), credentialsFolder=str(folder)) as (server, client):
        with pytest.raises(UpstreamCredentialsError):
            await client.page(DEMO)
        assert len(server.requests) == 1


@pytest.mark.parametrize("for_files", [False, True])
async def test_t35_u6_hosts_of_files_get_credentials_only_if_the_settings_say_so(
    folder: Path, *, for_files: bool
) -> None:
    async with scripted(in_turn(reply(200, b"x"))) as files, scripted(in_turn(page())) as index:
        hosts = [index.host, files.host]
        login: dict[str, Any] = {"credentialsFolder": str(folder), "credentialsForFiles": for_files}
        async with opened(index.url, allowed=hosts, fileHosts=[files.host], **login) as client:
            await read_all(await client.open(f"http://{files.host}/a"))
        assert files.requests[0].header("Authorization") == (BASIC if for_files else "")


async def test_u6_a_redirect_to_another_host_has_no_credentials(folder: Path) -> None:
    async with scripted(in_turn(reply(200, b"x"))) as files:
        redirect = reply(302, headers={"Location": f"http://{files.host}/a?X-Amz-Signature=abc%2B"})
        async with scripted(in_turn(redirect)) as index:
            hosts = [index.host, files.host]
            login: dict[str, Any] = {"credentialsFolder": str(folder)}
            async with opened(index.url, allowed=hosts, fileHosts=[files.host], **login) as client:
                assert await read_all(await client.open(f"{index.url}a")) == b"x"
        assert index.requests[0].header("Authorization") == BASIC
        [request] = files.requests
        assert SECRET not in request.head
        assert BASIC not in request.head
        assert request.target == "/a?X-Amz-Signature=abc%2B"


async def test_a_redirect_of_a_file_to_a_host_that_is_not_allowed_is_refused_without_a_request() -> None:
    async with scripted(in_turn(reply(200, b"x"))) as inside:
        redirect = reply(302, headers={"Location": f"http://{inside.host}/a?X-Amz-Signature={SECRET}"})
        async with asked(redirect) as (server, client):
            with pytest.raises(UpstreamAnswerError, match="add that to its `fileHosts`") as raised:
                await client.open(f"{server.url}a")
            assert SECRET not in str(raised.value)
        assert not inside.requests


LEAKS: dict[str, Reply] = {
    "401": reply(401),
    "403": reply(403),
    "500": reply(500),
    "429": reply(429, headers={"Retry-After": "1"}),
    "not HTTP": Reply(b"nonsense\r\n\r\n"),
    "a redirect": reply(302, headers={"Location": f"https://elsewhere.example.com/?token={SECRET}"}),
    "not a page": reply(200, b"hello"),
}


@pytest.mark.parametrize("answer", LEAKS.values(), ids=LEAKS)
async def test_credentials_are_in_no_error_log_or_health(
    folder: Path, caplog: pytest.LogCaptureFixture, answer: Reply
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with asked(answer, credentialsFolder=str(folder)) as (server, client):
            for call in (client.open(f"{server.url}a?sig={SECRET}"), client.page(DEMO), client.read(server.url, 1)):
                with suppress(UpstreamError):
                    try:
                        await call
                    except UpstreamError:
                        logging.getLogger("test").exception("it failed")
                        raise
            shown = f"{caplog.text} {client.health()} {client!r}"
    assert SECRET not in shown
    assert BASIC.partition(" ")[2] not in shown


def server_context(made: Certificate, *, authority: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.chain, made.key)
    if authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority)
    return context


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    place = tmp_path / "server"
    place.mkdir()
    return certify(place, "127.0.0.1")


@asynccontextmanager
async def trusted(made: Certificate) -> AsyncIterator[Upstream]:
    """Run a server with this certificate, and open it as an upstream that trusts its authority."""
    async with scripted(in_turn(page()), tls=server_context(made)) as server:
        settings: dict[str, Any] = {"allowed": [server.host], "caBundle": made.authority.read_text()}
        async with opened(server.url, **settings) as client:
            yield client


async def test_t36_an_authority_of_the_settings_is_trusted_and_no_other(certificate: Certificate) -> None:
    async with scripted(in_turn(page()), tls=server_context(certificate)) as server:
        bundle = f"# of \u00c4cme Ltd\n{certificate.authority.read_text()}"
        async with opened(server.url, allowed=[server.host], caBundle=bundle) as client:
            assert isinstance(await client.page(DEMO), Page)
        async with opened(server.url, allowed=[server.host]) as client:
            with pytest.raises(UpstreamUnavailableError, match="a certificate that is not trusted"):
                await client.page(DEMO)


async def test_a_certificate_without_the_strict_form_is_trusted(tmp_path: Path) -> None:
    made = certify(tmp_path, "127.0.0.1", in_form=False)
    async with trusted(made) as client:
        assert isinstance(await client.page(DEMO), Page)


async def test_a_certificate_of_another_host_is_not_trusted(tmp_path: Path) -> None:
    made = certify(tmp_path, "packages.example.com")
    async with trusted(made) as client:
        with pytest.raises(UpstreamUnavailableError, match="check `caBundle`, and the host"):
            await client.page(DEMO)


async def test_tls_below_1_2_is_not_spoken(certificate: Certificate) -> None:
    context = server_context(certificate)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with scripted(in_turn(page()), tls=context) as server:
        async with opened(server.url, allowed=[server.host], caBundle=certificate.authority.read_text()) as client:
            with pytest.raises(UpstreamUnavailableError):
                await client.page(DEMO)
        assert not server.requests


async def test_a_client_certificate_is_shown_to_the_origin_and_to_no_other_host(
    tmp_path: Path, certificate: Certificate
) -> None:
    shown = tmp_path / "client"
    shown.mkdir()
    own = certify(shown, "client.example.com")
    (shown / "tls.crt").write_text(own.chain.read_text())
    (shown / "tls.key").write_text(own.key.read_text())
    wanting = server_context(certificate, authority=own.authority)
    optional = server_context(certificate, authority=own.authority)
    optional.verify_mode = ssl.CERT_OPTIONAL
    seen: list[object] = []

    async with (
        scripted(in_turn(reply(200, b"x")), tls=optional, watch=seen.append) as files,
        scripted(in_turn(page()), tls=wanting) as index,
    ):
        hosts = [index.host, files.host]
        settings: dict[str, Any] = {"caBundle": certificate.authority.read_text(), "credentialsFolder": str(shown)}
        async with opened(index.url, allowed=hosts, fileHosts=[files.host], **settings) as client:
            assert isinstance(await client.page(DEMO), Page)
            assert await read_all(await client.open(f"https://{files.host}/a")) == b"x"
        assert seen == [None]
        without: dict[str, Any] = {"caBundle": certificate.authority.read_text()}
        async with opened(index.url, allowed=hosts, **without) as client:
            with pytest.raises(UpstreamUnavailableError):
                await client.page(DEMO)


@dataclass
class ConnectProxy:
    """A proxy for HTTPS, by CONNECT, and for HTTP."""

    port: int = 0
    heads: list[str] = field(default_factory=list)
    password: str = ""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        if self.password and f"Proxy-Authorization: {self.password}\r\n" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        method, target, _ = head.split(" ", 2)
        host, _, port = (target if method == "CONNECT" else target.split("/")[2]).rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            there_writer.write(head.encode())
        await asyncio.gather(_copied(reader, there_writer), _copied(there_reader, writer))

    @property
    def host(self) -> str:
        """Return the host, with the port."""
        return f"127.0.0.1:{self.port}"


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def connect_proxy(password: str = "") -> AsyncIterator[ConnectProxy]:
    made = ConnectProxy(password=password)
    server = await asyncio.start_server(made.connected, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def test_t36_pages_and_files_go_through_the_proxy(certificate: Certificate, folder: Path) -> None:
    async with connect_proxy() as proxy:
        async with scripted(in_turn(page(), reply(200, b"x")), tls=server_context(certificate)) as server:
            settings: dict[str, Any] = {
                "caBundle": certificate.authority.read_text(),
                "credentialsFolder": str(folder),
                "egress": {"proxy": f"http://{proxy.host}"},
            }
            async with opened(server.url, allowed=[server.host, proxy.host], **settings) as client:
                assert isinstance(await client.page(DEMO), Page)
                assert await read_all(await client.open(f"{server.url}a")) == b"x"
            assert server.requests[0].header("Authorization") == BASIC
        assert [head.split("\r\n")[0] for head in proxy.heads] == [f"CONNECT {server.host} HTTP/1.1"]
        assert BASIC not in proxy.heads[0]


async def test_t36_plain_http_goes_through_the_proxy_too() -> None:
    async with connect_proxy() as proxy, scripted(in_turn(page())) as server:
        egress = {"proxy": f"http://{proxy.host}"}
        async with opened(server.url, allowed=[server.host, proxy.host], egress=egress) as client:
            assert isinstance(await client.page(DEMO), Page)
        assert proxy.heads[0].startswith(f"GET http://{server.host}/simple/demo/ HTTP/1.1")


@pytest.mark.parametrize("password", [SECRET, "wrong"])
async def test_the_login_of_a_proxy_is_for_the_proxy_alone(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    async with (
        connect_proxy(BASIC) as proxy,
        scripted(in_turn(page()), tls=server_context(certificate)) as server,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{password}@{proxy.host}")
        settings: dict[str, Any] = {"caBundle": certificate.authority.read_text()}
        async with opened(server.url, allowed=[server.host, proxy.host], **settings) as client:
            if password == SECRET:
                assert isinstance(await client.page(DEMO), Page)
                assert "Proxy-Authorization" not in server.requests[0].head
            else:
                with pytest.raises(UpstreamUnavailableError, match="the proxy answers 407"):
                    await client.page(DEMO)


async def test_a_proxy_that_is_not_listed_gets_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connect_proxy() as proxy, asked(page()) as (server, _):
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
        async with opened(server.url, allowed=[server.host]) as client:
            with pytest.raises(UpstreamAnswerError, match=f"through the proxy {proxy.host}, which"):
                await client.page(DEMO)
        assert not proxy.heads
        assert not server.requests


async def test_the_address_of_a_listed_proxy_may_be_private_though_that_of_the_host_may_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pypi, "simple_url", lambda: "https://packages.example.com/simple/")
    async with connect_proxy("another login") as proxy:
        settings = settings_of(
            {"name": "pypi", "pypi": {}}, allowedHosts=["pypi", proxy.host], proxy=f"http://{proxy.host}"
        )
        client = open_upstreams(settings)["pypi"]
        with pytest.raises(UpstreamUnavailableError, match="the proxy answers 407"):
            await client.page(DEMO)
        await client.close()
        assert proxy.heads[0].startswith("CONNECT packages.example.com:443 ")


async def test_logins_and_proxies_come_from_no_other_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with asked(page(), egress={"noProxy": ["127.0.0.1"]}) as (server, client):
        assert isinstance(await client.page(DEMO), Page)
        assert not server.requests[0].header("Authorization")


async def test_a_proxy_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connect_proxy() as proxy:
        pass
    async with asked(page()) as (server, _):
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
        async with opened(server.url, allowed=[server.host, proxy.host]) as client:
            with pytest.raises(UpstreamUnavailableError, match="the proxy does not accept connections"):
                await client.page(DEMO)

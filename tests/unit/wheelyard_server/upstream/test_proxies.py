"""Which proxy a request goes through."""

import pytest

from wheelyard_server.settings.upstreams import Egress
from wheelyard_server.upstream.proxies import Proxies
from wheelyard_server.upstream.urls import Origin

PAGES = Origin("https", "packages.example.com", 443)
PLAIN = Origin("http", "packages.example.com", 80)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        for each in (name, name.lower()):
            monkeypatch.delenv(each, raising=False)


def found(proxies: Proxies, origin: Origin) -> str:
    proxy = proxies.proxy(origin)
    return str(proxy.url) if proxy else ""


def test_without_settings_and_environment_there_is_none() -> None:
    assert Proxies(Egress()).proxy(PAGES) is None


def test_t36_the_environment_counts_by_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://secure.example.com:3128")
    monkeypatch.setenv("http_proxy", "plain.example.com:3129")
    monkeypatch.setenv("NO_PROXY", "internal.example.com,.svc")
    proxies = Proxies(Egress())
    assert found(proxies, PAGES) == "http://secure.example.com:3128/"
    assert found(proxies, PLAIN) == "http://plain.example.com:3129/"
    for host in ("internal.example.com", "a.internal.example.com", "wheelyard.packages.svc"):
        assert not found(proxies, PAGES._replace(host=host))
    assert found(proxies, PAGES._replace(host="notinternal.example.com"))


def test_the_settings_replace_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "packages.example.com")
    egress = Egress(proxy="http://proxy.example.com:3128", no_proxy=("files.example.com",))
    for origin in (PAGES, PLAIN):
        assert found(Proxies(egress), origin) == "http://proxy.example.com:3128/"
    assert not found(Proxies(egress), PAGES._replace(host="files.example.com"))
    assert not found(Proxies(Egress(proxy="http://proxy.example.com:3128")), PAGES)


def test_a_login_is_a_header_and_not_part_of_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:s%40cret@proxy.example.com:3128")
    proxy = Proxies(Egress()).proxy(PAGES)
    assert proxy is not None
    assert str(proxy.url) == "http://proxy.example.com:3128/"
    assert proxy.authorization == "Basic bWU6c0BjcmV0"


OTHERS = ["https://proxy.example.com", "socks5://proxy.example.com:1080", "http:///", "http://127.1:3128"]


@pytest.mark.parametrize("url", OTHERS)
def test_another_kind_of_proxy_is_an_error(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(ValueError, match="a proxy whose URL is not like http://") as raised:
        Proxies(Egress()).proxy(PAGES)
    assert url not in str(raised.value)

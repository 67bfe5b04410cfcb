"""Which hosts the requests of an upstream may go to, and which of them get its credentials."""

import pytest

from wheelyard_server.settings.upstreams import Egress, PyPI, UpstreamSettings
from wheelyard_server.upstream import pypi, urls
from wheelyard_server.upstream.allowed_hosts import AllowedHosts
from wheelyard_server.upstream.failures import ForbiddenTargetError
from wheelyard_server.upstream.proxies import Proxies
from wheelyard_server.upstream.targets import Targets
from wheelyard_server.upstream.urls import Origin

PYPI = urls.origin(urls.parse(pypi.simple_url()))
PAGES = Origin("https", "packages.example.com", 443)
FILES = Origin("https", "files.example.com", 443)
ELSEWHERE = Origin("https", "elsewhere.example.com", 443)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        for each in (name, name.lower()):
            monkeypatch.delenv(each, raising=False)


def targets(settings: UpstreamSettings, *allowed: str, proxy: str = "", no_proxy: tuple[str, ...] = ()) -> Targets:
    egress = Egress(allowed_hosts=allowed, proxy=proxy, no_proxy=no_proxy)
    return Targets(settings, AllowedHosts(egress), Proxies(egress))


def of_pypi(*allowed: str, proxy: str = "") -> Targets:
    return targets(UpstreamSettings(name="pypi", pypi=PyPI()), *allowed, proxy=proxy)


def of_url(*allowed: str, url: str = "https://packages.example.com/simple", proxy: str = "") -> Targets:
    settings = UpstreamSettings(name="own", url=url, file_hosts=("files.example.com",))
    return targets(settings, *allowed, proxy=proxy)


def test_a_url_ends_in_a_slash() -> None:
    assert str(of_url().url) == "https://packages.example.com/simple/"
    assert str(of_url(url="https://packages.example.com/a%2Bb/").url) == "https://packages.example.com/a%2Bb/"


def test_pypi_is_allowed_by_its_word() -> None:
    of_pypi("pypi").check_page(PYPI)
    of_pypi(PYPI.host).check_page(PYPI)
    with pytest.raises(ForbiddenTargetError, match="does not list"):
        of_pypi().check_page(PYPI)


def test_files_of_pypi_come_from_the_public_https_hosts_that_its_pages_name() -> None:
    of_pypi("pypi").check_file(FILES, FILES)
    of_pypi("pypi").check_file(PYPI, PYPI)


@pytest.mark.parametrize(
    "origin",
    [FILES._replace(scheme="http", port=80), FILES._replace(port=8443), FILES._replace(scheme="http", port=443)],
)
def test_files_of_pypi_come_by_https_at_its_port(origin: Origin) -> None:
    with pytest.raises(ForbiddenTargetError, match="does not list"):
        of_pypi("pypi").check_file(origin, origin)


def test_a_redirect_of_pypi_s_files_to_a_host_that_its_pages_do_not_name_is_refused() -> None:
    with pytest.raises(ForbiddenTargetError, match=r"has files at https://elsewhere.example.com"):
        of_pypi("pypi").check_file(ELSEWHERE, FILES)
    of_pypi("pypi", "elsewhere.example.com").check_file(ELSEWHERE, FILES)


def test_without_the_word_the_hosts_of_pypi_s_files_must_be_listed() -> None:
    with pytest.raises(ForbiddenTargetError):
        of_pypi(PYPI.host).check_file(FILES, FILES)
    of_pypi(PYPI.host, FILES.host).check_file(FILES, FILES)


def test_the_word_pypi_does_not_open_hosts_to_other_upstreams() -> None:
    with pytest.raises(ForbiddenTargetError):
        of_url("pypi").check_page(PAGES)
    with pytest.raises(ForbiddenTargetError):
        of_url("pypi", "packages.example.com").check_file(FILES, FILES)


def test_files_of_others_come_from_hosts_in_both_lists() -> None:
    made = of_url("packages.example.com", "files.example.com", "elsewhere.example.com")
    made.check_file(PAGES, PAGES)
    made.check_file(FILES, FILES)
    with pytest.raises(ForbiddenTargetError, match="add that to its `fileHosts`"):
        made.check_file(ELSEWHERE, ELSEWHERE)


def test_plain_http_is_for_listed_hosts() -> None:
    plain = Origin("http", "packages.example.com", 80)
    of_url("packages.example.com", url="http://packages.example.com/").check_page(plain)
    with pytest.raises(ForbiddenTargetError):
        of_url("packages.example.com:443", url="http://packages.example.com/").check_page(plain)


def test_files_of_an_upstream_with_tls_come_with_tls() -> None:
    """A link or a redirect to plain HTTP would send bytes, and credentials for files, unencrypted."""
    plain = FILES._replace(scheme="http", port=80)
    made = of_url("packages.example.com", "files.example.com")
    with pytest.raises(ForbiddenTargetError, match="without TLS, though its `url` has TLS"):
        made.check_file(plain, plain)
    of_url("packages.example.com", "files.example.com", url="http://packages.example.com/").check_file(plain, plain)


def test_pages_come_from_the_origin_of_the_url_alone() -> None:
    made = of_url("packages.example.com", "files.example.com")
    for origin in (FILES, PAGES._replace(port=8443), PAGES._replace(scheme="http", port=80)):
        with pytest.raises(ForbiddenTargetError, match=f"redirects its pages to {origin.scheme}://"):
            made.check_page(origin)


@pytest.mark.parametrize("for_files", [False, True])
def test_u6_credentials_are_for_the_origin_and_if_it_says_so_for_the_hosts_of_files(*, for_files: bool) -> None:
    settings = UpstreamSettings(
        name="own",
        url="https://packages.example.com/simple/",
        file_hosts=("files.example.com", "packages.example.com:8443"),
        credentials_for_files=for_files,
    )
    made = targets(settings)
    assert made.gets_credentials(PAGES)
    assert made.gets_credentials(FILES) is for_files
    assert made.gets_credentials(PAGES._replace(port=8443)) is for_files
    assert not made.gets_credentials(PAGES._replace(scheme="http", port=80))
    assert not made.gets_credentials(PAGES._replace(port=9443))
    assert not made.gets_credentials(FILES._replace(port=8443))
    assert not made.gets_credentials(FILES._replace(scheme="http", port=80))
    assert not made.gets_credentials(PAGES._replace(scheme="http", port=8443))
    assert not made.gets_credentials(ELSEWHERE)


PROXY = "http://proxy.example.com:3128"


def test_t36_the_proxy_must_be_listed_and_so_must_the_hosts_behind_it() -> None:
    made = of_url("packages.example.com", "proxy.example.com:3128", proxy=PROXY)
    found = made.proxy(PAGES)
    assert found is not None
    assert found[1] == Origin("http", "proxy.example.com", 3128)
    with pytest.raises(ForbiddenTargetError, match="with a proxy, it must"):
        made.proxy(ELSEWHERE)
    with pytest.raises(ForbiddenTargetError, match=r"through the proxy proxy.example.com:3128, which"):
        of_url("packages.example.com", "proxy.example.com", proxy=PROXY).proxy(PAGES)


def test_with_a_proxy_the_hosts_of_pypi_s_files_must_be_listed() -> None:
    made = of_pypi("pypi", "proxy.example.com:3128", proxy=PROXY)
    assert made.proxy(PYPI) is not None
    with pytest.raises(ForbiddenTargetError, match="with a proxy, it must"):
        made.proxy(FILES)
    assert of_pypi("pypi", "proxy.example.com:3128", FILES.host, proxy=PROXY).proxy(FILES) is not None

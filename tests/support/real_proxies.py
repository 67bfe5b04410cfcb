"""Real proxies in front of an index server: nginx, Traefik, both with HTTP/2, and nginx and Varnish as caches."""

import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from cluster import debian, pypi
from cluster.versitygw import free_port
from support.patience import HANG_SECONDS
from support.tls import Certificate

PACKAGES = ("nginx", "varnish")
_NGINX = """\
daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    proxy_cache_path {home}/cache keys_zone=index:1m;
    server {{
        listen 127.0.0.1:{port}{listen};
        client_max_body_size 0;
        proxy_set_header Host $http_host;
        add_header X-Cache $upstream_cache_status always;
        {server}
    }}
}}
"""
_TRAEFIK = """\
http:
  routers: {{index: {{rule: "PathPrefix(`/`)", service: index, entryPoints: [index]{tls}}}}}
  services: {{index: {{loadBalancer: {{servers: [{{url: "{index}"}}]}}}}}}
{certificates}"""
_VARNISH = 'vcl 4.1; backend index {{ .host = "{host}"; .port = "{port}"; }} sub vcl_deliver {{ \
if (obj.hits > 0) {{ set resp.http.X-Cache = "HIT"; }} else {{ set resp.http.X-Cache = "MISS"; }} }}'


@contextmanager
def nginx(home: Path, server: str, certificate: Certificate | None = None) -> Iterator[str]:
    """Run nginx with directives for its server, and return its URL; with a certificate, it speaks HTTP/2, too."""
    debian.install_packages(PACKAGES)
    home.mkdir()
    port, configuration = free_port(), home / "nginx.conf"
    tls = f"ssl_certificate {certificate.chain}; ssl_certificate_key {certificate.key};" if certificate else ""
    listen = " ssl http2" if certificate else ""
    text = _NGINX.format(home=home, port=port, listen=listen, server=f"{tls} {server}")
    configuration.write_text(text)
    with _running(["/usr/sbin/nginx", "-c", configuration, "-e", home / "error.log"], port, certificate) as url:
        yield url


@contextmanager
def traefik(home: Path, index: str, certificate: Certificate | None = None) -> Iterator[str]:
    """Run Traefik, and return its URL; with a certificate, it speaks HTTP/2, too."""
    home.mkdir()
    port, configuration = free_port(), home / "traefik.yaml"
    files = f"{{certFile: {certificate.chain}, keyFile: {certificate.key}}}" if certificate else ""
    certificates = f"tls: {{certificates: [{files}]}}\n" if certificate else ""
    tls = ", tls: {}" if certificate else ""
    configuration.write_text(_TRAEFIK.format(index=index, tls=tls, certificates=certificates))
    options = (
        f"--entrypoints.index.address=127.0.0.1:{port}",
        f"--providers.file.filename={configuration}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    )
    with _running([pypi.traefik(), *options], port, certificate) as url:
        yield url


@contextmanager
def caching_nginx(home: Path, index: str) -> Iterator[str]:
    """Run nginx as a cache that keeps all that it may, and what says nothing for ten minutes."""
    with nginx(home, f"proxy_cache index; proxy_cache_valid any 10m; location / {{ proxy_pass {index}; }}") as url:
        yield url


@contextmanager
def varnish(home: Path, index: str) -> Iterator[str]:
    """Run Varnish with its own rules, which keep what says nothing for two minutes."""
    debian.install_packages(PACKAGES)
    home.mkdir()
    port, configuration, target = free_port(), home / "index.vcl", urlsplit(index)
    configuration.write_text(_VARNISH.format(host=target.hostname, port=target.port))
    options: list[str | Path] = [
        "-F",
        "-j",
        "none",
        "-n",
        home / "state",
        "-a",
        f"127.0.0.1:{port}",
        "-f",
        configuration,
    ]
    with _running(["/usr/sbin/varnishd", *options, "-s", "malloc,16m"], port) as url:
        yield url


@contextmanager
def _running(command: Sequence[str | Path], port: int, certificate: Certificate | None = None) -> Iterator[str]:
    url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            _wait_until_ready(process, url, certificate)
            yield url
        finally:
            process.terminate()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, certificate: Certificate | None) -> None:
    context = ssl.create_default_context(cafile=certificate.authority) if certificate else None
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/-/healthz", timeout=HANG_SECONDS, context=context).close()
        except urllib.error.HTTPError:
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    process.terminate()
    raise AssertionError(f"{url} did not become ready: {process.communicate()[0].decode(errors='replace')}")

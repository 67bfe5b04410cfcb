from pathlib import Path

import pytest

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings import Cache, Redirect, Redirects, parse
from wheelyard_server.settings.part import GIB, MIB

S3 = b"storage: {s3: {bucket: acme}}\naccessFile: /a.yaml\nscratchFolder: /scratch\n"
FOLDER = b"storage: {folder: {path: /data}}\naccessFile: /a.yaml\nscratchFolder: /scratch\n"


POSITIVE = (
    "uploads",
    "scratchBytes",
    "connections",
    "connectionsPerAddress",
    "headerSeconds",
    "headerBytes",
    "bodyBytesPerSecond",
    "bodySeconds",
    "sendSeconds",
)


def test_defaults_fill_what_is_left_out() -> None:
    settings = parse(FOLDER)
    assert settings.listeners.cluster.port == 8080
    assert settings.shutdown.grace_seconds == 300
    assert settings.index is None
    assert settings.cache is None


def test_the_default_cache_size_is_10_gib() -> None:
    cache = parse(FOLDER + b"cache: {folder: /cache}\n").cache
    assert cache == Cache(folder=Path("/cache"), max_bytes=10 * GIB)


def test_clients_are_redirected_for_files_of_100_mib_or_more_by_default() -> None:
    assert parse(S3).redirects is None
    wanted = parse(S3 + b"redirects: {cluster: {endpoint: 'http://minio:9000'}}\n").redirects
    assert wanted == Redirects(min_bytes=100 * MIB, cluster=Redirect(endpoint="http://minio:9000"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (FOLDER + b"storag: {}\n", "storag"),
        (FOLDER + b"listeners: {cluster: {prot: 1}}\n", "prot"),
        (FOLDER + b"cache: {maxBytes: 1}\n", "folder"),
        (FOLDER + b"cache: {folder: /c, maxBytes: 0}\n", "maxBytes"),
        (FOLDER + b"listeners: {cluster: {port: many}}\n", "port"),
        *((FOLDER + f"limits: {{{limit}: 0}}\n".encode(), limit) for limit in POSITIVE),
        (b"storage: {s3: {bucket: b, caBundle: ca.pem}}\naccessFile: a\nscratchFolder: s\n", "caBundle"),
        (FOLDER + b"tracing: {ratio: 1}\n", "endpoint"),
        (FOLDER + b"tracing: {endpoint: 'http://a', ratio: 1.5}\n", "ratio"),
        *(
            (FOLDER + f"tracing: {{endpoint: '{url}'}}\n".encode(), "tracing.endpoint")
            for url in (
                "collector:4318",
                "grpc://collector:4317",
                "http://",
                "http://a:b@c",
                "http://c/?d",
                "http://[c",
            )
        ),
        (FOLDER + b"redirects: {cluster: {}}\n", "`redirects` needs `storage.s3`"),
        (S3 + b"redirects: {}\n", "`redirects` needs `cluster`, `external` or both"),
        (S3 + b"redirects: {external: {}}\n", "`redirects.external` needs `listeners.external`"),
        (S3 + b"redirects: {cluster: {}, minBytes: -1}\n", "minBytes"),
        (S3 + b"redirects: {cluster: {endpoint: minio}}\n", "redirects.cluster"),
        (b"storage: {}\naccessFile: /a\nscratchFolder: /s\n", "exactly one"),
        (b"storage: {s3: {}}\naccessFile: /a\nscratchFolder: /s\n", "bucket"),
        (b"accessFile: /a\n", "storage"),
        (b": :\n- {", "index.yaml"),
    ],
)
def test_an_error_names_the_key(text: bytes, named: str) -> None:
    with pytest.raises(InvalidSettingsError, match=named):
        parse(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("upstreams: [{name: A, pypi: {}}]", r"upstreams\[0\].name"),
        ("upstreams: [{name: a/b, pypi: {}}]", r"upstreams\[0\].name"),
        ("upstreams: [{name: a, pypi: {}}, {name: a, url: 'https://a.example.com/'}]", "must differ"),
        ("upstreams: [{name: a}]", "exactly one of `pypi` and `url`"),
        ("upstreams: [{name: a, pypi: {}, url: 'https://a.example.com/'}]", "exactly one of `pypi` and `url`"),
        ("upstreams: [{name: a, url: 'https://me:secret@a.example.com/'}]", "must be a URL such as"),
        ("upstreams: [{name: a, url: 'ftp://a.example.com/'}]", "must be a URL such as"),
        ("upstreams: [{name: a, pypi: {}, packages: ['*********']}]", r"packages\[0\]"),
        ("upstreams: [{name: a, pypi: {}, fileHosts: ['https://a.example.com']}]", r"fileHosts\[0\]"),
        ("upstreams: [{name: a, pypi: {}, freshness: {freshSeconds: -1}}]", "freshSeconds"),
        ("upstreams: [{name: a, pypi: {}, absentOn: [500]}]", "401 and 403"),
        ("names: {private: ['*********']}", r"private\[0\]"),
        ("egress: {allowedHosts: ['a.example.com/simple']}", r"allowedHosts\[0\]"),
        ("egress: {proxy: 'proxy.example.com'}", "egress.proxy"),
        ("egress: {deniedNetworks: ['10.0.0.1/8']}", "host bits"),
        ("limits: {mirroredBytes: -1}", "mirroredBytes"),
    ],
)
def test_settings_of_upstreams_that_cannot_be_meant_are_refused(text: str, key: str) -> None:
    with pytest.raises(InvalidSettingsError, match=key):
        parse(S3 + text.encode())

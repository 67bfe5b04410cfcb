from typing import Any

from unit.wheelyard_operator.fakes import SETTINGS, an_index
from wheelyard_operator.desired.deployment import deployment
from wheelyard_operator.desired.upstreams import egress_section, upstream_section
from wheelyard_operator.egress import EgressSettings
from wheelyard_operator.resource import Manifest, Upstream

URL = "https://packages.example.com/simple/"
DOMAIN = {"domain": "acme", "domainOwner": "111122223333", "region": "eu-west-1"}


def parsed(**fields: Any) -> Upstream:
    return Upstream.parse({"name": "partner", "url": URL, **fields})


def pod(*upstreams: Manifest) -> Any:
    made = deployment(
        an_index(spec={"upstreams": list(upstreams)}), SETTINGS, config_digest="", credentials_digest=""
    )
    return made["spec"]["template"]["spec"]


def mounted(spec: Any) -> dict[str, dict[str, str]]:
    """Return the files in the folder of upstreams' credentials, by path: the Secret and its key."""
    sources = [each["projected"]["sources"] for each in spec["volumes"] if each["name"] == "upstreams"]
    return {
        item["path"]: {"name": source["secret"]["name"], "key": item["key"]}
        for source in (sources[0] if sources else [])
        for item in source["secret"]["items"]
    }


def test_an_upstream_that_is_blocked_keeps_its_names_and_is_never_asked() -> None:
    """If it were left out, the next upstream would be asked for its names."""
    open_one = upstream_section(parsed(packages=["partner-*"], caBundle="broken"), is_blocked=False)
    blocked = upstream_section(parsed(packages=["partner-*"], caBundle="broken"), is_blocked=True)
    assert blocked == {**{k: v for k, v in open_one.items() if k != "caBundle"}, "offline": True}
    assert blocked["packages"] == ["partner-*"]


def test_the_hosts_of_the_indexs_own_upstreams_alone_are_listed() -> None:
    egress = EgressSettings(no_proxy=("corp.example",))
    section = egress_section([parsed(fileHosts=["files.example.com:443"])], egress)
    assert section == {"allowedHosts": ["files.example.com", "packages.example.com"]}


def test_the_proxy_is_one_of_the_hosts() -> None:
    egress = EgressSettings(proxy="http://proxy.example.com:3128", no_proxy=("corp.example",))
    assert egress_section([Upstream.parse({"name": "pypi", "pypi": {}})], egress) == {
        "allowedHosts": ["proxy.example.com:3128", "pypi"],
        "proxy": "http://proxy.example.com:3128",
        "noProxy": ["corp.example"],
    }


def test_without_credentials_nothing_is_mounted() -> None:
    volumes = [each["name"] for each in pod({"name": "pypi", "pypi": {}})["volumes"]]
    assert volumes == ["config", "access", "policy", "scratch", "cache", "tmp"]


def test_each_upstream_has_a_folder_with_the_keys_that_servers_read() -> None:
    spec = pod(
        {"name": "one", "url": URL, "credentials": {"secretRef": {"name": "keys"}}},
        {"name": "two", "url": URL, "credentials": {"codeArtifact": DOMAIN}},
        {"name": "three", "url": URL},
    )
    assert mounted(spec) == {
        **{f"one/{key}": {"name": "keys", "key": key} for key in ("username", "password", "token")},
        **{f"one/{key}": {"name": "keys", "key": key} for key in ("tls.crt", "tls.key")},
        **{
            f"two/{key}": {"name": "wheelyard-main-upstreams", "key": f"two.{key}"}
            for key in ("username", "password")
        },
    }
    (mount,) = (each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "upstreams")
    assert mount == {"name": "upstreams", "mountPath": "/etc/wheelyard/upstreams", "readOnly": True}


def test_a_missing_secret_blocks_no_pod() -> None:
    spec = pod({"name": "one", "url": URL, "credentials": {"secretRef": {"name": "keys"}}})
    (volume,) = (each for each in spec["volumes"] if each["name"] == "upstreams")
    assert [each["secret"]["optional"] for each in volume["projected"]["sources"]] == [True]

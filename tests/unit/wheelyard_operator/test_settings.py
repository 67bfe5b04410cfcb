import pytest

from support.tls import certificate_of_an_authority
from wheelyard_operator.egress import EgressSettings, Host
from wheelyard_operator.patterns import AnnotationForm
from wheelyard_operator.settings import Settings, SettingsError

AUTHORITY = certificate_of_an_authority().strip()


def test_only_the_image_is_required() -> None:
    settings = Settings.from_environment({"WHEELYARD_IMAGE": "w:1"})
    assert settings == Settings(image="w:1")
    assert settings.s3_endpoint == ""


def test_an_unset_list_allows_nothing() -> None:
    settings = Settings.from_environment({"WHEELYARD_IMAGE": "w:1"})
    assert settings.allowed_buckets == settings.allowed_hosts == ()
    assert settings.allowed_ingress_annotations == ()


def test_every_environment_variable_is_read() -> None:
    settings = Settings.from_environment(
        {
            "WHEELYARD_IMAGE": "w:1",
            "WHEELYARD_IMAGE_PULL_POLICY": "Never",
            "WHEELYARD_IMAGE_PULL_SECRETS": "registry, mirror",
            "WHEELYARD_CLUSTER_DOMAIN": "k8s.example",
            "WHEELYARD_CA_BUNDLE": f"\n{AUTHORITY}\n",
            "WHEELYARD_ALLOWED_ENDPOINTS": "https://a.example/, http://B:9000",
            "WHEELYARD_ALLOWED_BUCKETS": "acme-*, pypi-{namespace}",
            "WHEELYARD_ALLOWED_ANNOTATIONS": "eks.amazonaws.com/role-arn=arn:*",
            "WHEELYARD_ALLOWED_ISSUERS": "https://ci.example, https://git.example",
            "WHEELYARD_NAMESPACES": "packages,ci",
            "WHEELYARD_ALLOWED_HOSTS": "*.example.com, pypi.example.org",
            "WHEELYARD_ALLOWED_INGRESS_ANNOTATIONS": '[{"name": "a.example/b", "value": "on|off"}]',
            "WHEELYARD_KEY_OVERLAP": "5s",
            "WHEELYARD_LOG_FORMAT": "text",
            "WHEELYARD_TRACING_ENDPOINT": "https://collector:4318/",
            "WHEELYARD_TRACING_RATIO": "1",
            "WHEELYARD_LEASE": "wheelyard-operator",
            "WHEELYARD_POD_NAMESPACE": "system",
            "WHEELYARD_POD_NAME": "wheelyard-operator-1",
            "WHEELYARD_METRICS_PORT": "9091",
            "AWS_ENDPOINT_URL_S3": "http://s3:7070/",
            "AWS_ENDPOINT_URL_IAM": "http://s3:7076",
            "AWS_REGION": "eu-west-1",
        }
    )
    assert settings == Settings(
        image="w:1",
        image_pull_policy="Never",
        image_pull_secrets=("registry", "mirror"),
        cluster_domain="k8s.example",
        region="eu-west-1",
        s3_endpoint="http://s3:7070",
        iam_endpoint="http://s3:7076",
        ca_bundle=AUTHORITY,
        allowed_endpoints=("https://a.example", "http://b:9000"),
        allowed_buckets=("acme-*", "pypi-{namespace}"),
        allowed_annotations=("eks.amazonaws.com/role-arn=arn:*",),
        allowed_issuers=("https://ci.example", "https://git.example"),
        namespaces=("packages", "ci"),
        allowed_hosts=("*.example.com", "pypi.example.org"),
        allowed_ingress_annotations=(AnnotationForm("a.example/b", "on|off"),),
        key_overlap_seconds=5,
        log_format="text",
        tracing_endpoint="https://collector:4318",
        tracing_ratio=1.0,
        lease="wheelyard-operator",
        pod_namespace="system",
        pod_name="wheelyard-operator-1",
        metrics_port=9091,
    )


def test_no_annotation_at_all_can_be_allowed() -> None:
    environment = {"WHEELYARD_IMAGE": "w:1", "WHEELYARD_ALLOWED_ANNOTATIONS": ""}
    assert Settings.from_environment(environment).allowed_annotations == ()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "WHEELYARD_IMAGE"),
        ({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_IMAGE_PULL_POLICY": "Often"}, "WHEELYARD_IMAGE_PULL_POLICY"),
        *(
            ({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_KEY_OVERLAP": wrong}, "WHEELYARD_KEY_OVERLAP")
            for wrong in ("-1s", "60", "soon")
        ),
        *(
            ({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_KEY_OVERLAP": wrong}, "it must be from 0s to 1d")
            for wrong in ("2d", "25h", "86401s")
        ),
        ({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_LOG_FORMAT": "xml"}, "WHEELYARD_LOG_FORMAT"),
        *(
            ({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_TRACING_ENDPOINT": wrong}, "WHEELYARD_TRACING_ENDPOINT")
            for wrong in (
                "collector:4318",
                "https://",
                "grpc://collector:4317",
                "https://a:b@c",
                "https://c/?d",
                "http://[c",
                "http://c:d",
            )
        ),
        *(
            ({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_TRACING_RATIO": wrong}, "WHEELYARD_TRACING_RATIO")
            for wrong in ("often", "1.1", "-0.1", "nan")
        ),
        ({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_METRICS_PORT": "http"}, "WHEELYARD_METRICS_PORT"),
        *(
            ({"WHEELYARD_IMAGE": "w:1", name: wrong}, name)
            for name in ("WHEELYARD_ALLOWED_BUCKETS", "WHEELYARD_ALLOWED_HOSTS")
            for wrong in ("a{namespace}", "{namespace}*", "{namespace}-{namespace}", "{team}-a", "a[bc]", "A")
        ),
        *(
            (
                {"WHEELYARD_IMAGE": "w:1", "WHEELYARD_ALLOWED_INGRESS_ANNOTATIONS": wrong},
                "ALLOWED_INGRESS_ANNOTATIONS",
            )
            for wrong in (
                "cert-manager.io/*",
                "[1]",
                "1",
                '[{"name": "a"}]',
                '[{"name": "a", "value": "b", "more": ""}]',
                '[{"name": "a", "value": ""}]',
                '[{"name": "a", "value": "(a+)+"}]',
                '[{"name": "a", "value": "[z-a]"}]',
                '[{"name": "a", "value": "a{5,2}"}]',
            )
        ),
        ({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_LEASE": "x"}, "WHEELYARD_POD_NAMESPACE and WHEELYARD_POD_NAME"),
    ],
)
def test_errors_name_the_variable(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings.from_environment(environment)


@pytest.mark.parametrize("bundle", ["ca.pem", f"{AUTHORITY[:200]}\n-----END CERTIFICATE-----", "\u00e4"])
def test_text_that_is_not_a_certificate_is_refused(bundle: str) -> None:
    with pytest.raises(SettingsError, match="WHEELYARD_CA_BUNDLE must be certificates in PEM"):
        Settings.from_environment({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_CA_BUNDLE": bundle})


def test_what_upstreams_may_be_is_read() -> None:
    settings = Settings.from_environment({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_UPSTREAM_HOSTS": "a.example"})
    assert settings.egress == EgressSettings((Host("", "a.example", ""),), allows_pypi=False, allows_osv=False)
    with pytest.raises(SettingsError, match=r"The Helm chart's upstreams\.proxy must be a URL"):
        Settings.from_environment({"WHEELYARD_IMAGE": "w:1", "WHEELYARD_UPSTREAM_PROXY": "proxy"})

from typing import Any

from unit.wheelyard_operator.fakes import SETTINGS, an_index, own_credentials
from wheelyard_operator.desired.deployment import deployment
from wheelyard_operator.resource import Manifest


def made(config: str = "c", credentials: str = "k", **changes: Any) -> Manifest:
    index = an_index(**changes)
    return deployment(index, SETTINGS, config_digest=config, credentials_digest=credentials)


def pod(**changes: Any) -> Any:
    return made(**changes)["spec"]["template"]["spec"]


def container(**changes: Any) -> Any:
    (container,) = pod(**changes)["containers"]
    return container


def test_runs_the_operators_image_as_the_contract_says() -> None:
    assert container()["image"] == "registry.example/wheelyard:1"
    assert container()["command"] == ["wheelyard", "serve", "--config", "/etc/wheelyard/config/index.yaml"]
    assert container()["readinessProbe"]["httpGet"] == {"path": "/-/readyz", "port": "http"}
    assert container()["livenessProbe"]["httpGet"] == {"path": "/-/healthz", "port": "http"}


def test_pods_are_restricted() -> None:
    """The Pod Security Standard `restricted`, and no token of the Kubernetes API."""
    assert pod()["automountServiceAccountToken"] is False
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_a_server_stopped_during_its_start_exits() -> None:
    assert pod()["shareProcessNamespace"] is True


def test_time_to_end_is_longer_than_the_servers_own() -> None:
    assert pod()["terminationGracePeriodSeconds"] > 5 + 300


def test_keys_come_one_by_one_from_the_secret_that_counts() -> None:
    references = [each["valueFrom"]["secretKeyRef"] for each in container(**own_credentials("mine"))["env"]]
    assert {each["name"] for each in references} == {"mine"}
    assert [each["key"] for each in references] == [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ]
    assert "envFrom" not in container()


def test_settings_that_are_read_only_at_start_roll_the_pods() -> None:
    template = made()["spec"]["template"]
    assert template != made(config="other")["spec"]["template"]
    assert template != made(credentials="other")["spec"]["template"]
    assert template == made(access={"grants": [{"subjects": ["anonymous"], "verbs": ["read"]}]})["spec"]["template"]
    assert template == made(replicas=5)["spec"]["template"]


def test_a_deployment_has_its_replicas_and_never_fewer_during_a_rollout() -> None:
    assert made(replicas=5)["spec"]["replicas"] == 5
    assert made()["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


VOLUME: dict[str, Any] = {"storage": {"volume": {"size": "20Gi"}}, "replicas": 1}


def test_on_a_volume_one_server_ends_before_the_next_begins() -> None:
    assert made(**VOLUME)["spec"]["strategy"] == {"type": "Recreate"}
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "wheelyard-main"}} in pod(**VOLUME)["volumes"]
    assert {"name": "data", "mountPath": "/data"} in container(**VOLUME)["volumeMounts"]
    assert not {"cache", "scratch"} & {each["name"] for each in pod(**VOLUME)["volumes"]}
    assert container(**VOLUME)["env"] == []


def test_a_role_of_the_cloud_needs_no_key() -> None:
    role: dict[str, Any] = {
        "s3__provision": {},
        "s3__credentials": {"serviceAccount": {"annotations": {"a.example/role": "r"}}},
    }
    assert container(**role)["env"] == []
    assert pod(**role)["serviceAccountName"] == "wheelyard-main"


def test_where_pods_run_and_what_they_take() -> None:
    assert container()["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "512Mi"},
    }
    assert not {"nodeSelector", "tolerations", "priorityClassName"} & set(pod())
    wishes: dict[str, Any] = {
        "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "priorityClassName": "builds",
    }
    assert container(spec=wishes)["resources"] == {
        "requests": {"cpu": "1", "memory": "128Mi"},
        "limits": {"cpu": "2", "memory": "1Gi"},
    }
    found = pod(spec=wishes)
    assert found["nodeSelector"] == {"disk": "fast"}
    assert found["tolerations"] == [{"key": "infra", "operator": "Exists"}]
    assert found["priorityClassName"] == "builds"


def test_an_autoscaler_has_the_number_once_there_is_one() -> None:
    index = an_index(replicas=1, spec={"autoscaling": {"minReplicas": 3, "maxReplicas": 9}})

    def spec(*, scaled: bool) -> Any:
        return deployment(index, SETTINGS, config_digest="c", credentials_digest="k", scaled=scaled)["spec"]

    assert spec(scaled=False)["replicas"] == 3
    assert "replicas" not in spec(scaled=True)

"""What must not be in Kubernetes manifests is found there."""

import copy

import pytest

from tests.deploy import files, read_kubernetes
from tests.deploy.mistakes import Mistakes
from tests.deploy.policy import broken

mistakes = Mistakes()


def deployment(manifests, name):
    return next(
        each for each in manifests if each["kind"] == "Deployment" and each["metadata"]["name"] == name
    )["spec"]["template"]["spec"]


def gateway_in(manifests):
    return deployment(manifests, "gateway")["containers"][0]


def models_in(manifests):
    return deployment(manifests, "model-server")["containers"][0]


def settings_in(manifests):
    return next(each for each in manifests if each["kind"] == "ConfigMap")["data"]


def service(manifests, name):
    return next(each for each in manifests if each["kind"] == "Service" and each["metadata"]["name"] == name)[
        "spec"
    ]


@mistakes.of("ports")
def metrics_published(manifests):
    service(manifests, "gateway")["ports"].append({"name": "metrics", "port": 9090, "targetPort": "metrics"})


@mistakes.of("ports")
def models_published(manifests):
    service(manifests, "model-servers").update(type="NodePort")


@mistakes.of("ports")
def models_on_their_node(manifests):
    deployment(manifests, "model-server")["hostNetwork"] = True


@mistakes.of("ports")
def models_on_a_port_of_their_node(manifests):
    models_in(manifests)["ports"][0]["hostPort"] = 8500


@mistakes.of("ports")
def models_probed_elsewhere(manifests):
    models_in(manifests)["readinessProbe"]["grpc"]["port"] = 8501


@mistakes.of("no_plaintext_secret")
def secret_in_the_map(manifests):
    settings_in(manifests)["GATEWAY_DATABASE_URL"] = "postgresql://wattgate:word@db/wattgate"


@mistakes.of("no_plaintext_secret")
def secret_of_the_map(manifests):
    settings_in(manifests)["GATEWAY_TLS_KEY"] = "/etc/gateway/tls.key"


@mistakes.of("secrets_are_mounted")
def secret_not_in_the_vault(manifests):
    provider = next(each for each in manifests if each["kind"] == "SecretProviderClass")
    provider["spec"]["secretObjects"][0]["data"].pop()


@mistakes.of("secrets_are_mounted")
def no_secrets(manifests):
    mounts = gateway_in(manifests)["volumeMounts"]
    mounts[:] = [each for each in mounts if each["mountPath"] != "/run/secrets"]


@mistakes.of("probes")
def no_probe(manifests):
    del models_in(manifests)["livenessProbe"]


@mistakes.of("no_privileges")
def privileged_pod(manifests):
    gateway_in(manifests)["securityContext"]["privileged"] = True


@mistakes.of("no_capabilities")
def some_capabilities(manifests):
    gateway_in(manifests)["securityContext"]["capabilities"] = {"drop": ["NET_RAW"]}


@mistakes.of("read_only_root")
def writable_root(manifests):
    models_in(manifests)["securityContext"]["readOnlyRootFilesystem"] = False


@mistakes.of("limits")
def no_memory_limit(manifests):
    del gateway_in(manifests)["resources"]["limits"]["memory"]


@mistakes.of("user")
def another_user(manifests):
    deployment(manifests, "gateway")["securityContext"]["runAsUser"] = 1000


@mistakes.of("pinned_image")
def untagged(manifests):
    gateway_in(manifests)["image"] = "wattgate-gateway"


@mistakes.of("users_are_shared")
def sqlite_of_several(manifests):
    settings_in(manifests)["GATEWAY_DATABASE_URL"] = "sqlite:////tmp/users.db"


@mistakes.of("users_are_shared")
def more_than_told(manifests):
    settings_in(manifests)["GATEWAY_REPLICAS"] = "2"


@mistakes.of("known_settings")
def unknown_setting(manifests):
    settings_in(manifests)["GATEWAY_TLS_CERT"] = "/run/secrets/tls-certificate"


@mistakes.of("model_servers")
def models_looked_for_elsewhere(manifests):
    settings_in(manifests)["GATEWAY_MODEL_SERVER"] = "dns:///model-servers:9000"


@pytest.mark.parametrize(("change", "rule"), mistakes.all)
def test_a_mistake_in_kubernetes_is_found(change, rule):
    manifests = copy.deepcopy(files.manifests("overlays/aks"))
    change(manifests)
    assert rule in dict(broken(read_kubernetes.containers(manifests, "aks")))

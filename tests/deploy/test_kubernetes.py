"""The manifests are Kubernetes', nobody speaks to whom they need not, and what has to agree does."""

import copy
import json
import re
from pathlib import Path

import pytest

from tests.deploy import files
from tests.deploy.read_kubernetes import of_kind
from tests.deploy.tools import answer
from tests.unit.serving.test_stock_server_files import UPSTREAM_FLAGS

VERSIONS = ("1.33", "1.37")
"""One that many clusters are at, and the newest that there are schemas of."""

CUSTOM = {
    "InferenceService",
    "PodMonitor",
    "ScaledObject",
    "SecretProviderClass",
    "TriggerAuthentication",
}
"""Kinds that the cluster's additions define; Kubernetes has no schema of them."""


def problems(manifests, version):
    return answer("kubernetes_schemas.py", version, text=json.dumps(manifests))


def own(manifests):
    return [each for each in manifests if each["kind"] not in CUSTOM]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", files.KUSTOMIZATIONS)
def test_they_fit_the_schemas(name, version):
    manifests = files.manifests(name)
    assert len(own(manifests)) > 10
    assert problems(own(manifests), version) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "change",
    [
        lambda pod: pod["containers"][0].update(readinesProbe={}),
        lambda pod: pod["containers"][0].pop("name"),
        lambda pod: pod["containers"][0]["ports"][0].update(containerPort="https"),
        lambda pod: pod.update(terminationGracePeriodSeconds="20s"),
        lambda pod: pod["containers"][0]["livenessProbe"]["httpGet"].pop("port"),
    ],
    ids=["misspelled", "missing", "a word for a number", "a time for a number", "a probe of no port"],
)
def test_what_does_not_fit_is_found(version, change):
    manifests = copy.deepcopy(own(files.manifests("base")))
    change(of_kind(manifests, "Deployment")[0]["spec"]["template"]["spec"])
    assert len(problems(manifests, version)) == 1


@pytest.mark.parametrize("name", files.KUSTOMIZATIONS)
def test_custom_kinds_are_those_that_are_known(name):
    assert {
        each["kind"] for each in files.manifests(name) if "." in each["apiVersion"].partition("/")[0]
    } <= {
        *CUSTOM,
        "NetworkPolicy",
    }


# Who may speak to whom.


def allowed(manifests):
    """(direction, of whom, with whom, ports) of every rule that lets something through."""
    for policy in of_kind(manifests, "NetworkPolicy"):
        whom = policy["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name", "all")
        for direction, side in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction, []):
                ports = tuple(sorted({each["port"] for each in rule.get("ports", [])}))
                for peer in rule.get(side, ["anybody"]):
                    yield direction, whom, peer_name(peer), ports


def peer_name(peer):
    if peer == "anybody":
        return peer
    return "+".join(
        next(iter(selector.get("matchLabels", {"": "all"}).values()))
        if "cidr" not in selector
        else selector["cidr"]
        for selector in peer.values()
    )


BASE = {
    ("ingress", "gateway", "anybody", (8443, 8444)),
    ("egress", "gateway", "kube-system", (53,)),
    ("egress", "gateway", "model-server", (8500,)),
    ("egress", "gateway", "10.0.0.0/8", (5432,)),
    ("ingress", "model-server", "gateway", (8500,)),
}
AKS = (BASE - {("egress", "gateway", "10.0.0.0/8", (5432,))}) | {
    ("egress", "gateway", "10.1.4.0/24", (5432,)),
    ("ingress", "gateway", "kube-system+ama-metrics", (9090,)),
}


@pytest.mark.parametrize(("name", "rules"), [("base", BASE), ("overlays/aks", AKS), ("overlays/kserve", AKS)])
def test_nobody_speaks_but_to_whom_they_need(name, rules):
    assert set(allowed(files.manifests(name))) == rules


@pytest.mark.parametrize("name", files.KUSTOMIZATIONS)
def test_what_is_not_allowed_is_denied(name):
    everyone = [
        policy["spec"]
        for policy in of_kind(files.manifests(name), "NetworkPolicy")
        if policy["spec"]["podSelector"] == {}
    ]
    assert everyone == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]


@pytest.mark.parametrize("name", files.KUSTOMIZATIONS)
def test_no_pod_can_speak_to_the_cluster(name):
    manifests = files.manifests(name)
    pods = [each["spec"]["template"]["spec"] for each in of_kind(manifests, "Deployment")]
    pods += [each["spec"]["predictor"] for each in of_kind(manifests, "InferenceService")]
    assert {pod["automountServiceAccountToken"] for pod in pods} == {False}
    assert {each["automountServiceAccountToken"] for each in of_kind(manifests, "ServiceAccount")} == {False}
    assert not {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"} & {
        each["kind"] for each in manifests
    }


# What has to agree within them.


@pytest.mark.parametrize("name", files.KUSTOMIZATIONS)
def test_model_servers_are_found_by_a_name_of_all_their_addresses(name):
    manifests = files.manifests(name)
    settings = of_kind(manifests, "ConfigMap")[0]["data"]
    service = re.fullmatch(r"dns:///([\w-]+):8500", settings["GATEWAY_MODEL_SERVER"])[1]
    (found,) = (each for each in of_kind(manifests, "Service") if each["metadata"]["name"] == service)
    assert found["spec"]["clusterIP"] == "None"
    (served,) = (
        each
        for each in manifests
        if each["kind"] in {"Deployment", "InferenceService"} and each["metadata"]["name"] == "model-server"
    )
    labels = served["spec"].get("template", served)["metadata"]["labels"]
    assert found["spec"]["selector"].items() <= labels.items()


@pytest.mark.parametrize("name", files.KUSTOMIZATIONS)
def test_flags_are_those_that_tensorflow_serving_knows(name):
    manifests = files.manifests(name)
    pods = [each["spec"]["template"]["spec"] for each in of_kind(manifests, "Deployment")]
    pods += [each["spec"]["predictor"] for each in of_kind(manifests, "InferenceService")]
    arguments = [argument for pod in pods for each in pod["containers"] for argument in each.get("args", [])]
    assert arguments
    assert {argument.partition("=")[0].removeprefix("--") for argument in arguments} <= UPSTREAM_FLAGS


@pytest.mark.parametrize("name", files.KUSTOMIZATIONS)
def test_there_is_time_to_end(name):
    manifests = files.manifests(name)
    settings = of_kind(manifests, "ConfigMap")[0]["data"]
    gateway = next(each for each in of_kind(manifests, "Deployment") if each["metadata"]["name"] == "gateway")
    assert gateway["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 10 + float(
        settings["GATEWAY_SHUTDOWN_DELAY_S"]
    )


def test_kserve_runs_the_servers_that_the_deployment_does():
    (deployment,) = (
        each
        for each in of_kind(files.manifests("overlays/aks"), "Deployment")
        if each["metadata"]["name"] == "model-server"
    )
    pod = deployment["spec"]["template"]["spec"]
    manifests = files.manifests("overlays/kserve")
    (service,) = of_kind(manifests, "InferenceService")
    predictor = copy.deepcopy(service["spec"]["predictor"])
    predictor["containers"][0]["name"] = "model-server"
    # KServe's own, and what a container of its own kind cannot have.
    for name in ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"):
        del predictor[name]
    left_out = {"enableServiceLinks", "terminationGracePeriodSeconds", "topologySpreadConstraints"}
    assert predictor == {name: value for name, value in pod.items() if name not in left_out}
    assert "model-server" not in {each["metadata"]["name"] for each in of_kind(manifests, "Deployment")}
    assert {each["spec"]["scaleTargetRef"]["name"] for each in of_kind(manifests, "ScaledObject")} == {
        "gateway"
    }


def test_what_scales_exists_and_an_apply_does_not_undo_it():
    manifests = files.manifests("overlays/aks")
    deployments = {each["metadata"]["name"]: each["spec"] for each in of_kind(manifests, "Deployment")}
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"] for each in of_kind(manifests, "ScaledObject")
    }
    assert scaled.keys() == deployments.keys()
    assert not [name for name, spec in deployments.items() if "replicas" in spec]
    assert all(spec["minReplicaCount"] >= 2 for spec in scaled.values())


def test_scaling_is_by_metrics_that_there_are():
    source = (files.REPOSITORY / "services" / "gateway" / "metrics_server.py").read_text()
    queries = [
        trigger["metadata"]["query"]
        for each in of_kind(files.manifests("overlays/aks"), "ScaledObject")
        for trigger in each["spec"]["triggers"]
    ]
    named = {name for query in queries for name in re.findall(r"wattgate_\w+", query)}
    assert named == {"wattgate_forecasts_at_work", "wattgate_forecasts_queued"}
    assert all(f'"{name}"' in source for name in named)


def test_all_that_is_the_sites_own_is_in_one_file():
    """Nothing is left of what stands for it, and each of its values is somewhere."""
    rendered = json.dumps(files.manifests("overlays/aks"))
    assert "site.env" not in rendered
    lines = (files.KUBERNETES / "overlays" / "aks" / "site.env").read_text().splitlines()
    values = [line.partition("=")[2] for line in lines if line and not line.startswith("#")]
    assert len(values) == 5
    assert all(value in rendered for value in values)


def test_every_file_is_used():
    """A manifest that no kustomization names would never be sent."""
    for kustomization in files.KUBERNETES.rglob("kustomization.yaml"):
        text = kustomization.read_text()
        others = {file.name for file in Path(kustomization.parent).iterdir() if file.is_file()}
        assert {name for name in others - {"kustomization.yaml"} if name not in text} == set()

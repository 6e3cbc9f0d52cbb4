"""The overlay in docs/how-to/kubernetes.md is one that kubectl takes, of the base that there is."""

import json
import shutil

import pytest

from tests.data import REPOSITORY
from tests.deploy import files
from tests.deploy.tools import answer, run
from tests.documents import blocks


@pytest.fixture(scope="module")
def manifests(tmp_path_factory):
    (overlay,) = (
        block.text
        for block in blocks(REPOSITORY / "docs" / "how-to" / "kubernetes.md")
        if block.language == "yaml"
    )
    folder = tmp_path_factory.mktemp("kubernetes")
    shutil.copytree(files.AZURE / "kubernetes" / "base", folder / "base")
    mine = folder / "overlays" / "mine"
    mine.mkdir(parents=True)
    (mine / "kustomization.yaml").write_text(overlay)
    made = run("kubectl", "kustomize", mine)
    assert made.returncode == 0, made.stderr
    return answer("split_manifests.py", text=json.dumps({"mine": made.stdout}))["mine"]


def test_images_settings_and_the_database_are_as_it_says(manifests):
    text = json.dumps(manifests)
    assert "registry.example/wattgate-gateway:0.1.0" in text
    assert "registry.example/wattgate-tensorflow-serving:0.1.0" in text
    (settings,) = (each["data"] for each in manifests if each["kind"] == "ConfigMap")
    assert json.loads(settings["GATEWAY_ALLOWED_HOSTS"]) == ["gateway.example"]
    assert settings["GATEWAY_MODEL_SERVER"] == "dns:///model-servers:8500"
    assert "192.0.2.0/28" in text
    assert "10.0.0.0/8" not in text

"""Which models are served changes under a running server: by its config file and by request."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from google.protobuf import text_format
from grpc import StatusCode
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest

from tests.integration.serving.conftest import Client, serve
from tests.integration.serving.waiting import wait_until

X = np.ones((1, 1), np.float32)
POLLS = ("--file_system_poll_wait_seconds=1", "--model_config_file_poll_wait_seconds=1")


@pytest.fixture
def base(models, tmp_path):
    """A repository of its own: `a` with versions 1 (answers 2.5) and 2 (3.5), `b` with 1, `broken` with 1."""
    stored = models / "arithmetic"
    for folder, source in [("a/1", "1"), ("a/2", "00000123"), ("b/1", "1"), ("broken/1", "1")]:
        shutil.copytree(stored / source, tmp_path / folder)
    (tmp_path / "broken" / "1" / "saved_model.pb").write_bytes(b"\xff" * 100)
    return tmp_path


def config(base, *models):
    """Text of a config that lists models, each a name or a name and further fields."""
    entries = [model if isinstance(model, tuple) else (model, "") for model in models]
    listed = "".join(
        f"config {{ name: '{name}' base_path: '{base / name}' model_platform: 'tensorflow' {more} }}\n"
        for name, more in entries
    )
    return f"model_config_list {{ {listed} }}"


def label(name, version):
    return f"version_labels {{ key: '{name}' value: {version} }}"


ALL = "model_version_policy { all {} }"


def reload(server, text, timeout=30):
    request = ReloadConfigRequest()
    text_format.Parse(text, request.config)
    return Client(server.channel, "official").models.HandleReloadConfigRequest(request, timeout=timeout)


def refusal(server, text, **kwargs):
    with pytest.raises(grpc.RpcError) as caught:
        reload(server, text, **kwargs)
    return caught.value.code(), caught.value.details()


def states(server, model):
    request = GetModelStatusRequest()
    request.model_spec.name = model
    answer = Client(server.channel, "official").models.GetModelStatus(request, timeout=5)
    return {
        known.version: ModelVersionStatus.State.Name(known.state) for known in answer.model_version_status
    }


def answer(server, model, **kwargs):
    return Client(server.channel, "slim").outputs(model=model, x=X, **kwargs)["y"].item()


@pytest.fixture
def start(base):
    def start(text, *flags):
        path = base / "models.config"
        path.write_text(text)
        return serve(base, f"--model_config_file={path}", *flags)

    return start


def test_a_reload_answers_when_all_is_there_and_unloads_the_rest(base, start):
    with start(config(base, "a")) as server:
        response = reload(server, config(base, "b"))
        assert response.HasField("status")
        assert (response.status.error_code, response.status.error_message) == (0, "")
        assert answer(server, "b") == 2.5
        wait_until(lambda: states(server, "a") == {2: "END"})
        code, said = Client(server.channel, "slim").refusal(model="a", x=X)
        assert (code, said) == (StatusCode.NOT_FOUND, "Servable not found for request: Latest(a)")
        reload(server, config(base, ("a", ALL), "b"))
        assert states(server, "a") == {1: "AVAILABLE", 2: "AVAILABLE"}
        reload(server, "model_config_list {}")
        wait_until(lambda: states(server, "a") == {1: "END", 2: "END"})


def test_a_policy_changes(base, start):
    with start(config(base, "a")) as server:
        reload(server, config(base, ("a", "model_version_policy { specific { versions: 1 } }")))
        wait_until(lambda: states(server, "a") == {1: "AVAILABLE", 2: "END"})
        assert answer(server, "a") == 2.5
        reload(server, config(base, ("a", "model_version_policy { latest { num_versions: 2 } }")))
        assert states(server, "a") == {1: "AVAILABLE", 2: "AVAILABLE"}
        assert answer(server, "a") == 3.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Only ModelConfigList is currently supported"),
        ("custom_model_config {}", "Only ModelConfigList is currently supported"),
        (
            "model_config_list { config { name: 'b' base_path: 'b' model_platform: 'tensorflow' } }",
            "absolute path",
        ),
        ("model_config_list { config { name: 'b' base_path: '/b' } }", "must have model_platform"),
        (
            "model_config_list { config { name: 'b' base_path: '/b' model_platform: 'caffe' } }",
            "model_platform",
        ),
        (
            "model_config_list {"
            + "config { name: 'b' base_path: '/b' model_platform: 'tensorflow' }" * 2
            + "}",
            "Illegal to list model b multiple times in config list",
        ),
    ],
)
def test_a_reload_that_is_refused_changes_nothing(base, start, text, said):
    with start(config(base, "a")) as server:
        code, details = refusal(server, text)
        assert code == StatusCode.INVALID_ARGUMENT
        assert said in details
        assert states(server, "a") == {2: "AVAILABLE"}


def test_a_reload_tells_what_did_not_load(base, start):
    with start(config(base, "a")) as server:
        code, details = refusal(server, config(base, "a", "b", "broken"))
        assert code == StatusCode.UNKNOWN
        assert details.startswith("Some models did not become available: {{name: broken version: 1} due to")
        assert states(server, "broken") == {1: "END"}
        assert (answer(server, "a"), answer(server, "b")) == (3.5, 2.5)


def test_a_reload_waits_for_a_first_version_as_long_as_its_caller(base, start):
    (base / "empty").mkdir()
    with start(config(base, "a")) as server, ThreadPoolExecutor() as callers:
        code, _ = refusal(server, config(base, "a", "empty"), timeout=2)
        assert code == StatusCode.DEADLINE_EXCEEDED
        waiting = callers.submit(refusal, server, config(base, "a", "empty"))
        wait_until(lambda: server.log.read_text().count("Adding/updating models: a, empty") == 2)
        reload(server, config(base, "b"))
        assert waiting.result() == (StatusCode.ABORTED, "Another configuration came first")


def test_labels_point_to_available_versions_only(base, start):
    with start(config(base, ("a", ALL + label("stable", 1)))) as server:
        assert answer(server, "a", label="stable") == 2.5
        reload(server, config(base, ("a", ALL + label("stable", 2) + label("old", 1))))
        assert answer(server, "a", label="stable") == 3.5
        assert answer(server, "a", label="old") == 2.5
        code, details = refusal(server, config(base, ("a", ALL + label("stable", 3))))
        assert code == StatusCode.FAILED_PRECONDITION
        assert details == (
            "Request to assign label to version 3 of model a, which is not currently available for inference"
        )
        assert answer(server, "a", label="stable") == 3.5
        reload(server, config(base, ("a", ALL)))
        code, details = Client(server.channel, "slim").refusal(model="a", label="stable", x=X)
        assert details == "Unrecognized servable version label: stable"


def test_new_labels_may_run_ahead_where_allowed(base, start):
    with start(config(base, "a"), "--allow_version_labels_for_unavailable_models") as server:
        reload(server, config(base, ("a", label("next", 7))))
        code, details = Client(server.channel, "slim").refusal(model="a", label="next", x=X)
        assert (code, details) == (StatusCode.NOT_FOUND, "Servable not found for request: Specific(a, 7)")
        shutil.copytree(base / "b" / "1", base / "beside")
        (base / "beside").rename(base / "a" / "7")
        wait_until(lambda: states(server, "a") == {2: "END", 7: "AVAILABLE"})
        assert answer(server, "a", label="next") == 2.5


def test_the_config_file_is_followed(base, start):
    with start(config(base, "a"), *POLLS) as server:
        path = base / "models.config"
        for broken, said in [
            ("model_config_list {", "Model config file ignored"),
            (config(base, "a", "a"), "Illegal to list model a multiple times"),
            (None, "No such file or directory"),
        ]:
            path.unlink() if broken is None else path.write_text(broken)
            wait_until(lambda said=said: said in server.log.read_text())
            assert states(server, "a") == {2: "AVAILABLE"}
        path.write_text(config(base, ("a", ALL + label("stable", 1)), "b"))
        wait_until(lambda: "version: 1}" in server.log.read_text())
        wait_until(lambda: states(server, "a") == {1: "AVAILABLE", 2: "AVAILABLE"})
        wait_until(lambda: "name: b" in server.log.read_text() and states(server, "b") == {1: "AVAILABLE"})
        assert answer(server, "a", label="stable") == 2.5
        reload(server, config(base, "a"))  # the file wins, as upstream
        wait_until(lambda: states(server, "b") == {1: "AVAILABLE"})


def test_a_label_in_the_file_for_a_version_to_come_is_set_when_it_comes(base, start):
    shutil.rmtree(base / "a" / "2")
    with start(config(base, "a"), *POLLS) as server:
        (base / "models.config").write_text(config(base, ("a", ALL + label("next", 9))))
        wait_until(lambda: "Model config file not fully applied" in server.log.read_text())
        shutil.copytree(base / "b" / "1", base / "beside")
        (base / "beside").rename(base / "a" / "9")
        wait_until(lambda: states(server, "a") == {1: "AVAILABLE", 9: "AVAILABLE"})
        wait_until(lambda: can(server, "a", label="next"))
        assert server.log.read_text().count("Model config file not fully applied") == 1


def can(server, model, **kwargs):
    try:
        answer(server, model, **kwargs)
    except grpc.RpcError:
        return False
    return True


def test_a_config_file_is_not_followed_by_default(base, start):
    with start(config(base, "a")) as server:
        (base / "models.config").write_text(config(base, "b"))
        with pytest.raises(AssertionError):
            wait_until(lambda: "Loading servable version {name: b" in server.log.read_text(), for_s=2.5)
        assert states(server, "a") == {2: "AVAILABLE"}


def test_folders_are_not_followed_without_a_poll(base, start):
    polls = ("--file_system_poll_wait_seconds=0", "--model_config_file_poll_wait_seconds=1")
    with start(config(base, "a"), *polls) as server:
        shutil.copytree(base / "b" / "1", base / "a" / "3")
        (base / "models.config").write_text("broken {")
        wait_until(lambda: "Model config file ignored" in server.log.read_text())
        assert states(server, "a") == {2: "AVAILABLE"}
        reload(server, config(base, "a"))
        wait_until(lambda: states(server, "a") == {2: "END", 3: "AVAILABLE"})

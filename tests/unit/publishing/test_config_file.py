from pathlib import Path

import pytest

from pipelines.publishing.config_file import ConfigError, ModelConfigFile

BASE = Path("/models/gru")


CONFIG = """
model_config_list {
  config { name: "cnn" base_path: "/models/cnn" model_platform: "tensorflow"
           model_version_policy { specific { versions: 3 versions: 4 } }
           version_labels { key: "stable" value: 3 } version_labels { key: "mine" value: 4 } }
  config { name: "gru" base_path: "/models/gru" model_platform: "tensorflow" }
}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(CONFIG)
    return path


def test_what_is_served_is_read(file):
    served = ModelConfigFile(file).served()
    assert served["cnn"].versions == {3, 4}
    assert served["cnn"].labels == {"stable": 3, "mine": 4}
    assert served["gru"].versions == set()


def test_without_a_file_nothing_is_served(tmp_path):
    assert ModelConfigFile(tmp_path / "none").served() == {}


def test_a_change_of_one_model_leaves_every_other_as_it_was(file):
    config = ModelConfigFile(file)
    before = config.served()["cnn"]
    with config.changing("gru", BASE) as served:
        served.versions = {1, 2}
        served.labels = {"stable": 1, "canary": 2}
    after = config.served()
    assert after["cnn"] == before
    assert after["gru"].versions == {1, 2}
    assert after["gru"].labels == {"stable": 1, "canary": 2}


def test_a_model_that_is_new_is_added(tmp_path):
    config = ModelConfigFile(tmp_path / "new" / "models.config")
    with config.changing("gru", BASE) as served:
        served.versions, served.labels = {1}, {"stable": 1}
    assert config.served()["gru"].base_path == "/models/gru"


def test_a_model_served_from_another_folder_is_not_taken_for_ours(file):
    with (
        pytest.raises(ConfigError, match="/models/gru, not in /elsewhere/gru"),
        ModelConfigFile(file).changing("gru", Path("/elsewhere/gru")),
    ):
        pass
    assert file.read_text() == CONFIG


def test_a_label_of_a_version_that_is_not_served_is_refused(file):
    with (
        pytest.raises(ConfigError, match="canary"),
        ModelConfigFile(file).changing("gru", BASE) as served,
    ):
        served.versions, served.labels = {1}, {"stable": 1, "canary": 2}
    assert file.read_text() == CONFIG


def test_a_file_that_somebody_else_changed_meanwhile_is_not_overwritten(file):
    def change():
        with ModelConfigFile(file).changing("gru", BASE):
            file.write_text(CONFIG + "# theirs")

    with pytest.raises(ConfigError, match="changed by somebody else"):
        change()
    assert file.read_text() == CONFIG + "# theirs"


@pytest.mark.parametrize("broken", ["model_config_list {", "no_such_field: 1", "custom_model_config {}"])
def test_a_file_that_is_not_a_list_of_models_is_refused_untouched(file, broken):
    file.write_text(broken)
    with pytest.raises(ConfigError, match=str(file)), ModelConfigFile(file).changing("gru", BASE):
        pass
    assert file.read_text() == broken


def test_an_error_within_changes_nothing_and_leaves_no_draft(file):
    def change():
        with ModelConfigFile(file).changing("gru", BASE) as served:
            served.versions = {1}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert file.read_text() == CONFIG
    assert {path.name for path in file.parent.iterdir()} == {"models.config", "models.lock"}


def test_others_may_read_the_file(file):
    with ModelConfigFile(file).changing("gru", BASE) as served:
        served.versions = {1}
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("policy", ["all {}", "latest { num_versions: 2 }"])
def test_a_policy_that_names_no_versions_is_not_replaced(file, policy):
    config = CONFIG.replace("specific { versions: 3 versions: 4 }", policy)
    file.write_text(config)
    with pytest.raises(ConfigError, match="cnn is served by a policy"):
        ModelConfigFile(file).served()
    assert file.read_text() == config


def test_another_way_to_say_the_same_folder_is_the_same_folder(file):
    with ModelConfigFile(file).changing("gru", Path("/models/../models/gru")) as served:
        served.versions = {1}
    assert ModelConfigFile(file).served()["gru"].base_path == "/models/gru"

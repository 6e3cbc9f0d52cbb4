import pytest

from pipelines.publishing.config_file import ModelConfigFile, Served
from services.local.home import Home
from services.local.pair import Pair, PairError, Ports


@pytest.fixture
def pair(tmp_path):
    for model in ("cnn", "gru"):
        (tmp_path / "models" / model).mkdir(parents=True)
    return Pair(Home(tmp_path), Ports(), tmp_path / "models")


@pytest.fixture
def config(tmp_path):
    return ModelConfigFile(tmp_path / "models.config")


def publish_gru(config, folder):
    with config.changing("gru", folder) as served:
        served.versions, served.labels = {1, 2}, {"stable": 1, "canary": 2}


def test_every_model_of_the_repository_is_served(pair, config, tmp_path):
    pair.write_model_config()
    assert config.served() == {
        model: Served(str(tmp_path / "models" / model), set(), {}) for model in ("cnn", "gru")
    }


def test_a_model_that_came_later_is_not_taken_for_the_usual_one(pair, tmp_path):
    (tmp_path / "models" / "aaa").mkdir()
    assert pair.default_model() == "cnn"
    (tmp_path / "models" / "cnn").rmdir()
    assert pair.default_model() == "aaa"


def test_what_was_published_outlives_a_restart_and_models_that_come_and_go(pair, config, tmp_path):
    publish_gru(config, tmp_path / "models" / "gru")
    pair.write_model_config()
    published = config.served()["gru"]
    assert published.labels == {"stable": 1, "canary": 2}
    assert set(config.served()) == {"cnn", "gru"}
    (tmp_path / "models" / "cnn").rmdir()
    pair.write_model_config()
    assert config.served() == {"gru": published}


def test_what_was_published_outlives_a_restart_behind_a_link(pair, config, tmp_path):
    publish_gru(config, tmp_path / "models" / "gru")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "models")
    Pair(Home(tmp_path), Ports(), tmp_path / "elsewhere").write_model_config()
    assert config.served()["gru"].labels == {"stable": 1, "canary": 2}


def test_a_config_file_that_cannot_be_read_is_not_written_over(pair, tmp_path):
    (tmp_path / "models.config").write_text("model_config_list {")
    with pytest.raises(PairError, match="remove the file to serve the newest version"):
        pair.write_model_config()
    assert (tmp_path / "models.config").read_text() == "model_config_list {"

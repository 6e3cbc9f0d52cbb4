from pathlib import Path

import pytest

from services.local.home import Home
from services.local.pair import Pair, Ports


@pytest.fixture
def pair(tmp_path):
    for model in ("cnn", "gru"):
        (tmp_path / "models" / model).mkdir(parents=True)
    return Pair(Home(tmp_path), Ports(), tmp_path / "models")


def config(tmp_path) -> Path:
    return tmp_path / "models.config"


def test_every_model_of_the_repository_is_served(pair, tmp_path):
    pair.write_model_config()
    for model in ("cnn", "gru"):
        assert f'name: "{model}" base_path: "{tmp_path / "models" / model}"' in config(tmp_path).read_text()


def test_a_model_that_came_later_is_not_taken_for_the_usual_one(pair, tmp_path):
    (tmp_path / "models" / "aaa").mkdir()
    assert pair.default_model() == "cnn"
    (tmp_path / "models" / "cnn").rmdir()
    assert pair.default_model() == "aaa"


def test_what_was_published_outlives_a_restart(pair, tmp_path):
    pair.write_model_config()
    published = (
        config(tmp_path)
        .read_text()
        .replace(
            'model_platform: "tensorflow" }',
            'model_platform: "tensorflow" version_labels { key: "stable" value: 2 } }',
        )
    )
    config(tmp_path).write_text(published)
    pair.write_model_config()
    assert config(tmp_path).read_text() == published


def test_a_model_that_is_new_or_gone_is_followed_and_what_was_published_of_others_stays(pair, tmp_path):
    gru = f"""config {{
    name: "gru"
    base_path: "{tmp_path / "models" / "gru"}"
    model_platform: "tensorflow"
    model_version_policy {{
      specific {{
        versions: 1
      }}
    }}
    version_labels {{
      key: "stable"
      value: 1
    }}
  }}"""
    config(tmp_path).write_text(f"model_config_list {{\n  {gru}\n}}\n")
    pair.write_model_config()
    assert gru in config(tmp_path).read_text()
    assert 'name: "cnn"' in config(tmp_path).read_text()
    (tmp_path / "models" / "cnn").rmdir()
    pair.write_model_config()
    assert gru in config(tmp_path).read_text()
    assert "cnn" not in config(tmp_path).read_text()

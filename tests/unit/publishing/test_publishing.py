import shutil
from pathlib import Path

import pytest

from pipelines.evaluation.gate import NotGoodEnoughError
from pipelines.publishing.config_file import ConfigError, ModelConfigFile
from pipelines.publishing.listing import list_versions
from pipelines.publishing.publishing import PublishingError, Repository, promote, publish, roll_back
from pipelines.publishing.versions import NoVersionError, version_folder, version_folders
from pipelines.training.errors import ExportCheckError


def at_once():
    """Servers that know what is in the file already."""


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "models", ModelConfigFile(tmp_path / "models.config"))


def served(repository):
    found = repository.config.served().get("cnn")
    return (found.versions, found.labels) if found else None


def test_the_first_version_serves_at_once(repository, version, judge):
    published = publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    assert (published.version, published.label, published.serving) == (1, "stable", None)
    assert served(repository) == ({1}, {"stable": 1})
    assert (repository.folder / "cnn" / "1" / "saved_model.pb").is_file()


def test_the_first_version_need_not_be_judged_but_all_others(repository, version, judge):
    published = publish(version(99.0), "cnn", repository, None, margin=0.02, settle=at_once)
    assert (published.version, published.label, published.report) == (1, "stable", None)
    with pytest.raises(PublishingError, match="version 1 of cnn serves: one that is to follow it is judged"):
        publish(version(4.0), "cnn", repository, None, margin=0.02, settle=at_once)
    assert served(repository) == ({1}, {"stable": 1})
    assert list(version_folders(repository.folder, "cnn")) == [1]
    assert publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once).label == "canary"


@pytest.mark.parametrize("name", ["../cnn", "a/b", "", ".hidden", "cnn:forecast", "gru cnn", "x" * 65, "grü"])
def test_a_name_that_nobody_could_ask_for_is_refused(repository, version, judge, name):
    with pytest.raises(PublishingError, match="cannot be the name of a model"):
        publish(version(4.0), name, repository, judge, margin=0.02, settle=at_once)
    assert not repository.folder.exists()


def test_published_promoted_and_rolled_back(repository, version, judge):
    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    published = publish(version(3.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    assert (published.version, published.label) == (2, "canary")
    assert published.serving.windows == published.report.windows
    assert served(repository) == ({1, 2}, {"stable": 1, "canary": 2})
    assert promote("cnn", repository) == 2
    assert served(repository) == ({1, 2}, {"stable": 2, "previous": 1})
    assert roll_back("cnn", repository) == (2, 1)
    assert served(repository) == ({1}, {"stable": 1})
    with pytest.raises(PublishingError, match="neither a canary nor a version before"):
        roll_back("cnn", repository)
    assert list(version_folders(repository.folder, "cnn")) == [1, 2]  # what went can be looked at


def test_a_canary_is_withdrawn_before_anything_else(repository, version, judge):
    for _ in range(2):
        publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    promote("cnn", repository)
    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    assert served(repository) == ({1, 2, 3}, {"previous": 1, "stable": 2, "canary": 3})
    assert roll_back("cnn", repository) == (3, 2)
    assert served(repository) == ({1, 2}, {"previous": 1, "stable": 2})


def test_a_newer_canary_takes_the_place_of_the_one_before(repository, version, judge):
    for _ in range(3):
        publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    assert served(repository) == ({1, 3}, {"stable": 1, "canary": 3})


def test_versions_served_without_a_label_stay(repository, version, judge):
    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    with repository.config.changing("cnn", repository.base_path("cnn")) as change:
        change.versions, change.labels = {1}, {}
    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    promote("cnn", repository)
    assert served(repository) == ({1, 2}, {"stable": 2, "previous": 1})


def test_a_model_that_served_its_newest_version_goes_on_with_that_one(repository, version, judge):
    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    path = repository.config._path
    path.write_text(
        f'model_config_list {{ config {{ name: "cnn" base_path: "{repository.base_path("cnn")}" '
        'model_platform: "tensorflow" } }'
    )
    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    assert served(repository) == ({1, 2}, {"stable": 1, "canary": 2})


def test_a_version_that_a_naive_forecast_beats_is_refused_and_nothing_changes(repository, version, judge):
    with pytest.raises(NotGoodEnoughError, match="alone has"):
        publish(version(99.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    assert served(repository) is None
    assert version_folders(repository.folder, "cnn") == {}


def test_a_version_worse_than_the_one_that_serves_is_refused(repository, version, judge):
    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    with pytest.raises(NotGoodEnoughError, match="the version that serves"):
        publish(version(4.2), "cnn", repository, judge, margin=0.02, settle=at_once)
    assert served(repository) == ({1}, {"stable": 1})
    assert list(version_folders(repository.folder, "cnn")) == [1]


def test_a_version_that_is_not_whole_is_refused(repository, version, judge):
    copied = version(4.0)
    (copied / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"")
    with pytest.raises(ExportCheckError, match="warm-up"):
        publish(copied, "cnn", repository, judge, margin=0.02, settle=at_once)
    assert served(repository) is None


def test_a_repository_that_servers_see_elsewhere(tmp_path, version, judge):
    repository = Repository(tmp_path / "models", ModelConfigFile(tmp_path / "models.config"), Path("/models"))
    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    assert repository.config.served()["cnn"].base_path == "/models/cnn"
    with pytest.raises(ConfigError, match="how its servers see it"):
        promote("cnn", Repository(tmp_path / "models", repository.config))


def test_there_is_nothing_to_promote_without_a_canary(repository, version, judge):
    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    with pytest.raises(PublishingError, match="no canary"):
        promote("cnn", repository)


def test_versions_are_listed_with_their_labels_and_scores(repository, version, judge):
    for _ in range(2):
        publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    listed = list(list_versions(repository))
    assert [(one.model, one.version, one.labels) for one in listed] == [
        ("cnn", 1, ("stable",)),
        ("cnn", 2, ("canary",)),
    ]
    record = listed[0].spec.training
    naive_kw = [record.naive_mae_kw[name] for name in ("last_value", "yesterday", "last_week")]
    assert listed[0].skill == pytest.approx((min(naive_kw) - record.mae_kw) / min(naive_kw))


def test_a_version_that_is_not_there_is_named(tmp_path):
    (tmp_path / "gru" / "007").mkdir(parents=True)
    assert version_folder(tmp_path, "gru") == tmp_path / "gru" / "007"
    assert version_folder(tmp_path, "gru", 7) == tmp_path / "gru" / "007"
    with pytest.raises(NoVersionError, match="no version 8 of 'gru'; there are: 7"):
        version_folder(tmp_path, "gru", 8)
    with pytest.raises(NoVersionError, match="none"):
        version_folder(tmp_path, "lstm")


def test_where_the_newest_version_serves_it_is_pinned_and_servers_know_before_another_folder_is_there(
    repository, version, judge
):
    seen = []

    def settle():
        seen.append((served(repository), list(version_folders(repository.folder, "cnn"))))

    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=settle)
    assert seen == []  # the first has nobody to wait for
    repository.config._path.unlink()
    for _ in range(2):
        publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=settle)
    assert seen == [(({1}, {"stable": 1}), [1])]
    assert served(repository) == ({1, 3}, {"stable": 1, "canary": 3})


def test_what_was_promoted_while_a_version_was_judged_is_not_undone(repository, version, judge):
    for _ in range(2):
        publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)

    def slow(folder, zone):
        if folder.parent.parent == repository.folder:  # the version that serves is being judged
            promote("cnn", repository)
        return judge(folder, zone)

    with pytest.raises(ConfigError, match="another version of cnn serves"):
        publish(version(4.0), "cnn", repository, slow, margin=0.02, settle=at_once)
    assert served(repository) == ({1, 2}, {"stable": 2, "previous": 1})
    assert list(version_folders(repository.folder, "cnn")) == [1, 2]


def test_a_version_whose_place_in_the_file_is_refused_leaves_no_folder(
    repository, version, judge, monkeypatch
):
    publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)

    def full(_self, _text):
        raise OSError("no space left on device")

    monkeypatch.setattr(ModelConfigFile, "_replace", full)
    with pytest.raises(OSError, match="no space"):
        publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    assert list(version_folders(repository.folder, "cnn")) == [1]


@pytest.mark.parametrize("command", [promote, roll_back])
def test_nobody_is_left_with_a_version_whose_folder_is_gone(repository, version, judge, command):
    for _ in range(3):
        publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
        if command is roll_back and "canary" in served(repository)[1]:
            promote("cnn", repository)
    before = served(repository)
    shutil.rmtree(
        version_folder(repository.folder, "cnn", before[1]["canary" if command is promote else "previous"])
    )
    with pytest.raises(NoVersionError):
        command("cnn", repository)
    assert served(repository) == before


def test_a_canary_is_not_taken_for_the_version_that_serves(repository, version, judge):
    for _ in range(2):
        publish(version(4.0), "cnn", repository, judge, margin=0.02, settle=at_once)
    with repository.config.changing("cnn", repository.base_path("cnn")) as change:
        change.versions, change.labels = {1, 2}, {"canary": 2}
    assert repository.stable("cnn") == 1


def test_a_relative_path_of_servers_is_refused(repository, version, judge):
    elsewhere = Repository(repository.folder, repository.config, Path("models"))
    with pytest.raises(PublishingError, match="absolute"):
        publish(version(4.0), "cnn", elsewhere, judge, margin=0.02, settle=at_once)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "assets.extra" / "tf_serving_warmup_requests").unlink(),
        lambda folder: (folder / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no records"),
        lambda folder: (folder / "saved_model.pb").write_bytes(b"no model"),
        lambda folder: (folder / "saved_model.pb").unlink(),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(repository, version, judge, spoil):
    folder = version(4.0)
    spoil(folder)
    with pytest.raises(ExportCheckError):
        publish(folder, "cnn", repository, judge, margin=0.02, settle=at_once)

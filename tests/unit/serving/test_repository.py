"""Which version a request means, and which a status request."""

import pytest
from google.protobuf import text_format
from grpc import StatusCode
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
from tensorflow_serving.apis.model_pb2 import ModelSpec

from services.serving.repository import AVAILABLE, Repository, ServedModel, VersionState
from services.serving.status import StatusError

ENDED = VersionState(ModelVersionStatus.END)


@pytest.fixture
def repository():
    return Repository(
        {
            "gru": ServedModel({1: "one", 12: "twelve"}, labels={"stable": 1, "gone": 3}, others={3: ENDED}),
            "old": ServedModel({}, {}, {7: ENDED}, configured=False),
        }
    )


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ('name: "gru"', (12, "twelve")),
        ('name: "gru" version { value: 1 }', (1, "one")),
        ('name: "gru" version_label: "stable"', (1, "one")),
    ],
)
def test_a_request_means_one_version(repository, spec, found):
    assert repository.resolve(text_format.Parse(spec, ModelSpec())) == found


@pytest.mark.parametrize(
    ("spec", "code", "said"),
    [
        ("", StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        ('name: "cnn"', StatusCode.NOT_FOUND, "Servable not found for request: Latest(cnn)"),
        ('name: "gru" version {}', StatusCode.NOT_FOUND, "Servable not found for request: Specific(gru, 0)"),
        ('name: "old"', StatusCode.NOT_FOUND, "Servable not found for request: Latest(old)"),
        (
            'name: "gru" version { value: 3 }',
            StatusCode.NOT_FOUND,
            "Servable not found for request: Specific(gru, 3)",
        ),
        (
            'name: "gru" version_label: "gone"',
            StatusCode.NOT_FOUND,
            "Servable not found for request: Specific(gru, 3)",
        ),
        (
            'name: "gru" version_label: "new"',
            StatusCode.INVALID_ARGUMENT,
            "Unrecognized servable version label: new",
        ),
    ],
)
def test_a_request_for_what_is_not_there(repository, spec, code, said):
    with pytest.raises(StatusError) as caught:
        repository.resolve(text_format.Parse(spec, ModelSpec()))
    assert (caught.value.code, caught.value.message) == (code, said)


def test_a_status_lists_what_ended_too(repository):
    assert repository.states(ModelSpec(name="gru")) == {1: AVAILABLE, 3: ENDED, 12: AVAILABLE}
    assert repository.states(ModelSpec(name="old")) == {7: ENDED}
    assert repository.states(ModelSpec(name="gru", version_label="stable")) == {1: AVAILABLE}
    with pytest.raises(StatusError, match="Could not find any versions of model none"):
        repository.states(ModelSpec(name="none"))
    with pytest.raises(StatusError, match="Could not find version 9 of model gru"):
        repository.states(text_format.Parse('name: "gru" version { value: 9 }', ModelSpec()))


def test_ready_is_every_configured_model_available(repository):
    assert repository.is_ready()
    repository.publish({"gru": ServedModel({}, {}, {1: ENDED})})
    assert not repository.is_ready()

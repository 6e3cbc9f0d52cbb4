"""TensorFlow Serving's configuration files, whose messages no package brings."""

import pytest

from services.serving import config_messages
from services.serving.status import StatusError


@pytest.fixture
def file(tmp_path):
    return tmp_path / "file.config"


def test_fields_of_each_kind(file):
    file.write_text(
        "max_batch_size { value: 32 } allowed_batch_sizes: 8 allowed_batch_sizes: 32 "
        "thread_pool_name { value: 'pool' } pad_variable_length_inputs: true"
    )
    read = config_messages.read(file, "BatchingParameters")
    assert (read.max_batch_size.value, list(read.allowed_batch_sizes)) == (32, [8, 32])
    assert (read.thread_pool_name.value, read.pad_variable_length_inputs) == ("pool", True)
    assert not read.HasField("num_batch_threads")


def test_a_message_within_another(file):
    file.write_text("prometheus_config { path: '/metrics' }")
    assert config_messages.read(file, "MonitoringConfig").prometheus_config.path == "/metrics"


def test_what_does_not_parse_is_quoted_unless_it_may_be_secret(file):
    file.write_text("server_key: 'pem' no_such_field: 1")
    with pytest.raises(StatusError, match="no_such_field"):
        config_messages.read(file, "SSLConfig")
    with pytest.raises(StatusError) as caught:
        config_messages.read(file, "SSLConfig", secret=True)
    assert caught.value.message == f"Invalid protobuf file: '{file}'"

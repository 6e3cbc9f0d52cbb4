"""What a batching parameters file may say."""

import pytest
from grpc import StatusCode

from services.serving.batching_parameters import BatchingParameters, read
from services.serving.status import StatusError


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "batching.config"
        path.write_text(text)
        return path

    return write


def test_what_the_file_leaves_out_keeps_tensorflow_servings_default(file):
    found = read(file("max_batch_size { value: 32 }"))
    assert found == BatchingParameters(max_batch_size=32)
    assert (found.batch_timeout_micros, found.max_enqueued_batches) == (0, 10)
    assert BatchingParameters().max_batch_size == 1000


def test_every_parameter_is_read(file):
    found = read(
        file(
            """
            max_batch_size { value: 32 }
            batch_timeout_micros { value: 500 }  # a comment
            max_enqueued_batches { value: 7 }
            num_batch_threads { value: 3 }
            thread_pool_name { value: "pool" }
            allowed_batch_sizes: 1 allowed_batch_sizes: 8
            allowed_batch_sizes: 32
            pad_variable_length_inputs: false
            enable_large_batch_splitting { value: false }
            """
        )
    )
    assert found == BatchingParameters(32, 500, 7, 3, (1, 8, 32))


def test_a_batch_is_padded_to_the_next_allowed_size():
    padded = BatchingParameters(32, allowed_batch_sizes=(1, 8, 32)).padded
    assert [padded(size) for size in (1, 2, 8, 9, 32)] == [1, 8, 8, 32, 32]
    assert BatchingParameters(32).padded(5) == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "max_batch_size { value: 32 } allowed_batch_sizes: 1 allowed_batch_sizes: 8",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 32",
        ),
        (
            "allowed_batch_sizes: 8",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 1000",
        ),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [2, 2, 8]", "monotonically increasing"),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("num_batch_threads { value: -1 }", "num_batch_threads must be positive; was -1"),
        ("max_enqueued_batches { value: 0 }", "max_enqueued_batches must be positive; was 0"),
        ("batch_timeout_micros { value: -5 }", "batch_timeout_micros must be non-negative; was -5"),
        ("pad_variable_length_inputs: true", "pad_variable_length_inputs is not supported"),
        ("enable_large_batch_splitting { value: true }", "enable_large_batch_splitting is not supported"),
        ("max_batch_size: 32", "Invalid protobuf file: '.*batching.config'"),
        ("no_such_parameter { value: 1 }", "Invalid protobuf file: '.*batching.config'"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(file, text, said):
    with pytest.raises(StatusError, match=said) as caught:
        read(file(text))
    assert caught.value.code == StatusCode.INVALID_ARGUMENT


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StatusError, match=r"none\.config: No such file") as caught:
        read(tmp_path / "none.config")
    assert caught.value.code == StatusCode.NOT_FOUND

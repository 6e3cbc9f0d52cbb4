"""Which warm-up files keep a version from becoming available."""

import numpy as np
import pytest
import tensorflow as tf
from grpc import StatusCode
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from services.core.tensors import encode
from services.serving import warmup
from services.serving.status import StatusError


class FakeModel:
    def __init__(self):
        signature = SignatureDef()
        signature.inputs["x"].name = "x:0"
        self.signatures = {"serving_default": signature}
        self.seen = []

    def run(self, signature, inputs):
        self.seen.append((signature, inputs["x"].tolist()))
        return {}


def record(value):
    log = PredictionLog()
    encode(np.array([value], np.float32), log.predict_log.request.inputs["x"], packed=True)
    return log.SerializeToString()


@pytest.fixture
def replay(tmp_path):
    def write_and_replay(records, tail=b"", iterations=1):
        path = tmp_path / warmup.FILE
        path.parent.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for one in records:
                writer.write(one)
        with path.open("ab") as file:
            file.write(tail)
        model = FakeModel()
        warmup.replay(model, tmp_path, iterations=iterations)
        return model.seen

    return write_and_replay


def test_every_record_is_run_in_order(replay):
    assert replay([record(1), record(2)]) == [("serving_default", [1.0]), ("serving_default", [2.0])]


def test_each_record_is_run_as_often_as_asked(replay):
    assert [seen[1] for seen in replay([record(1), record(2)], iterations=2)] == [[1.0], [1.0], [2.0], [2.0]]


def test_a_recorded_name_or_version_does_not_matter(replay):
    log = PredictionLog()
    for spec in (log.classify_log.request.model_spec, log.regress_log.request.model_spec):
        spec.name = "recorded-elsewhere"
        spec.version.value = 7
        spec.signature_name = "none"
        # Past the model and its version, to its signatures; the second log set is the one that is kept.
        with pytest.raises(StatusError, match="none"):
            replay([log.SerializeToString()])


def test_no_file_is_fine(tmp_path):
    model = FakeModel()
    warmup.replay(model, tmp_path, iterations=1)
    assert model.seen == []


def test_a_thousand_records_are_the_most(replay):
    with pytest.raises(StatusError, match=r"exceeds the maximum \(1000\)") as caught:
        replay([record(1)] * 1001)
    assert caught.value.code == StatusCode.INTERNAL


@pytest.mark.parametrize(("records", "tail"), [([b"\xff\xff"], b""), ([record(1)], b"\x00" * 40)])
def test_a_file_that_cannot_be_read(replay, records, tail):
    with pytest.raises(StatusError, match="Failed to read warmup record") as caught:
        replay(records, tail)
    assert caught.value.code == StatusCode.DATA_LOSS


def test_another_kind_of_request_is_refused(replay):
    log = PredictionLog()
    log.session_run_log.request.model_spec.name = "gru"
    with pytest.raises(StatusError, match="Unsupported log_type for warmup: session_run_log"):
        replay([log.SerializeToString()])

"""Tiny SavedModels, and a real server process over them."""

import contextlib
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2 as official_predict
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub as OfficialModelServiceStub
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceStub as OfficialPredictionServiceStub,
)

from services.core.tensors import decode, encode
from services.local.ports import free_port
from tests.integration.serving.example_models import export_examples
from wattgate.tfserving import methods
from wattgate.tfserving.v1 import predict_pb2 as slim_predict

START_TIMEOUT_S = 60
FLOATS = tf.TensorSpec((None, 1), tf.float32, name="x")


@dataclass
class Server:
    process: subprocess.Popen
    port: int
    rest_port: int
    channel: grpc.Channel
    log: Path

    @property
    def rest_url(self):
        return f"http://127.0.0.1:{self.rest_port}"

    def stop(self, number=signal.SIGTERM):
        """The exit status after a signal."""
        self.process.send_signal(number)
        return self.process.wait(START_TIMEOUT_S)


def launch(*flags, **kwargs):
    return subprocess.Popen(
        [sys.executable, "-m", "services.serving", "--bind_address=127.0.0.1", *flags], **kwargs
    )


def run_to_end(*flags):
    """A server that should not start: its exit status and output."""
    with launch(*flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, err = process.communicate(timeout=START_TIMEOUT_S)
    return process.returncode, out, err


@contextlib.contextmanager
def serve(folder, *flags, one_port=False):
    """A ready server; its log goes to `folder`. Killed at the end unless stopped before."""
    port = free_port()
    rest_port = port if one_port else free_port()
    log = folder / f"server-{port}.log"
    with log.open("w") as err:
        process = launch(f"--port={port}", f"--rest_api_port={rest_port}", *flags, stderr=err)
    options = [("grpc.max_send_message_length", -1), ("grpc.max_reconnect_backoff_ms", 100)]
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            ready = grpc.channel_ready_future(channel)
            for _ in range(START_TIMEOUT_S * 5):
                with contextlib.suppress(grpc.FutureTimeoutError):
                    ready.result(timeout=0.2)
                    break
                assert process.poll() is None, log.read_text()
            else:
                pytest.fail(f"not ready in time: {log.read_text()}")
            yield Server(process, port, rest_port, channel, log)
    finally:
        process.kill()
        process.wait()


class _Arithmetic(tf.Module):
    def __init__(self, offset):
        super().__init__()
        self.offset = tf.Variable(offset, dtype=tf.float32)
        self.calls = tf.Variable(0, dtype=tf.int64)

    @tf.function(input_signature=[FLOATS])
    def half_plus(self, x):
        return {"y": x / 2 + self.offset}

    @tf.function(input_signature=[FLOATS])
    def total(self, x):
        return {"total": tf.reduce_sum(x)}

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.float32, name="a"),
            tf.TensorSpec((None,), tf.int32, name="b"),
        ]
    )
    def two(self, a, b):
        return {"sum": a + tf.cast(b, tf.float32), "product": a * tf.cast(b, tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
    def text(self, text):
        return {"shouted": tf.strings.upper(text), "raw_bytes": text}

    @tf.function(input_signature=[])
    def spec(self):
        return {"spec": tf.constant(b'{"format": 1}')}

    @tf.function(input_signature=[])
    def count(self):
        return {"calls": self.calls.assign_add(1)}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, name="x")])
    def fail(self, x):
        return {"y": tf.gather(x, tf.constant(5))}

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")], jit_compile=True)
    def compiled(self, x):
        return {"y": tf.reduce_sum(tf.nn.relu(x), axis=1)}


class _Slow(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32, name="steps")])
    def loop(self, steps):
        last = tf.reduce_max(steps)
        done, total = tf.while_loop(
            lambda i, _: i < last,
            lambda i, total: (i + 1, total + tf.sin(total)),
            (0, 1.0),
            parallel_iterations=1,
        )
        return {"done": done[None], "total": total[None]}


def export_slow(folder):
    slow = _Slow()
    tf.saved_model.save(slow, str(folder), signatures={"serving_default": slow.loop})
    return folder


def export_arithmetic(folder, offset):
    module = _Arithmetic(offset)
    tf.saved_model.save(
        module,
        str(folder),
        signatures={
            "serving_default": module.half_plus,
            "total": module.total,
            "two": module.two,
            "text": module.text,
            "spec": module.spec,
            "count": module.count,
            "fail": module.fail,
            "compiled": module.compiled,
        },
    )
    return folder


def write_warmup(folder, records):
    (folder / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for record in records:
            writer.write(record)


def warmup_record(signature, **inputs):
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    for name, array in inputs.items():
        encode(array, request.inputs[name], packed=True)
    return log.SerializeToString()


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A model repository: `arithmetic` with versions 1 (x/2+2) and 123 (x/2+3), and `slow`."""
    base = tmp_path_factory.mktemp("models")
    export_arithmetic(base / "arithmetic" / "1", 2)
    warmed = export_arithmetic(base / "arithmetic" / "00000123", 3)
    write_warmup(
        warmed, [warmup_record("count")] * 3 + [warmup_record("compiled", x=np.ones((2, 4), np.float32))]
    )
    (base / "arithmetic" / "not-a-version").mkdir()
    export_slow(base / "slow" / "1")
    return base


@pytest.fixture(scope="session")
def config_file(models):
    path = models / "models.config"
    path.write_text(
        f"""
        model_config_list {{
          config {{
            name: "arithmetic" base_path: "{models / "arithmetic"}" model_platform: "tensorflow"
            model_version_policy {{ all {{}} }}
            version_labels {{ key: "stable" value: 1 }}
          }}
          config {{ name: "slow" base_path: "{models / "slow"}" model_platform: "tensorflow" }}
        }}
        """
    )
    return path


@pytest.fixture(scope="session")
def server(config_file, tmp_path_factory):
    """Both models, all versions, typed answers."""
    with serve(tmp_path_factory.mktemp("server"), f"--model_config_file={config_file}") as running:
        yield running


class Client:
    """Predict by either set of stubs, in arrays."""

    def __init__(self, channel, stubs):
        official = stubs == "official"
        self.messages = official_predict if official else slim_predict
        self.prediction = (OfficialPredictionServiceStub if official else methods.PredictionServiceStub)(
            channel
        )
        self.models = (OfficialModelServiceStub if official else methods.ModelServiceStub)(channel)

    def request(
        self, signature="", *, model="arithmetic", version=None, label=None, outputs=(), packed=True, **inputs
    ):
        request = self.messages.PredictRequest(output_filter=outputs)
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        if version is not None:
            request.model_spec.version.value = version
        if label is not None:
            request.model_spec.version_label = label
        for name, array in inputs.items():
            encode(array, request.inputs[name], packed=packed)
        return request

    def predict(self, *args, timeout=30, **kwargs):
        return self.prediction.Predict(self.request(*args, **kwargs), timeout=timeout)

    def outputs(self, *args, **kwargs):
        return {name: decode(tensor) for name, tensor in self.predict(*args, **kwargs).outputs.items()}

    def refusal(self, *args, **kwargs):
        """The code and message of a call that must fail."""
        with pytest.raises(grpc.RpcError) as caught:
            self.predict(*args, **kwargs)
        return caught.value.code(), caught.value.details()


@pytest.fixture(params=["official", "slim"])
def client(server, request):
    return Client(server.channel, request.param)


@pytest.fixture(scope="session")
def examples_server(tmp_path_factory):
    """One TF1-style model over tf.Example, named `examples`."""
    base = tmp_path_factory.mktemp("examples")
    export_examples(base / "5")
    flags = [f"--model_base_path={base}", "--model_name=examples"]
    with serve(tmp_path_factory.mktemp("examples-server"), *flags) as running:
        yield running

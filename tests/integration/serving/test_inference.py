"""Classify, Regress and MultiInference over gRPC, by the official stubs, and a TF1 model by both."""

import re

import grpc
import numpy as np
import pytest
from grpc import StatusCode
from tensorflow.core.example.example_pb2 import Example
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from tests.integration.serving.conftest import Client
from tests.integration.serving.example_models import CLASSIFY, PREDICT, REGRESS
from wattgate.tfserving.v1 import get_model_metadata_pb2 as slim_metadata


def example(x=None):
    made = Example()
    if x is not None:
        made.features.feature["x"].float_list.value.append(x)
    return made


def examples(*values):
    sent = Input()
    sent.example_list.examples.extend(example(x) for x in values)
    return sent


@pytest.fixture
def stub(examples_server):
    return PredictionServiceStub(examples_server.channel)


def request(cls, signature="", *, sent=None, model="examples", version=None):
    made = cls(input=examples(4.0, 1.0) if sent is None else sent)
    made.model_spec.name = model
    made.model_spec.signature_name = signature
    if version is not None:
        made.model_spec.version.value = version
    return made


def tasks(*asked, sent=None):
    made = MultiInferenceRequest(input=examples(4.0, 1.0) if sent is None else sent)
    for model, signature, method in asked:
        task = made.tasks.add(method_name=method)
        task.model_spec.name = model
        task.model_spec.signature_name = signature
    return made


def refusal(call, message):
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=30)
    return caught.value.code(), caught.value.details()


def classes(result):
    return [[(one.label, one.score) for one in row.classes] for row in result.classifications]


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("classify", [[("small", 4.0), ("large", -4.0)], [("small", 1.0), ("large", -1.0)]]),
        ("labels", [[("small", 0.0), ("large", 0.0)]] * 2),
        ("scores", [[("", 4.0), ("", -4.0)], [("", 1.0), ("", -1.0)]]),
    ],
)
def test_classify_answers_labels_scores_or_both(stub, signature, expected):
    response = stub.Classify(request(ClassificationRequest, signature))
    assert classes(response.result) == expected
    assert response.model_spec.name == "examples"
    assert response.model_spec.signature_name == signature
    assert response.model_spec.version.value == 5


@pytest.mark.parametrize(("signature", "named"), [("", "serving_default"), ("regress", "regress")])
def test_regress_answers_a_value_an_example(stub, signature, named):
    response = stub.Regress(request(RegressionRequest, signature))
    assert [one.value for one in response.result.regressions] == [4.0, 2.5]
    assert response.model_spec.signature_name == named
    assert response.model_spec.version.value == 5


def test_a_context_stands_for_what_an_example_leaves_out(stub):
    sent = Input()
    sent.example_list_with_context.context.CopyFrom(example(6.0))
    sent.example_list_with_context.examples.extend([example(), example(2.0)])
    response = stub.Regress(request(RegressionRequest, sent=sent))
    assert [one.value for one in response.result.regressions] == [5.0, 3.0]


def test_several_inferences_of_one_input(stub):
    asked = tasks(("examples", "classify", CLASSIFY), ("examples", "", REGRESS))
    first, second = stub.MultiInference(asked).results
    assert classes(first.classification_result)[0] == [("small", 4.0), ("large", -4.0)]
    assert first.model_spec.signature_name == "classify"
    assert [one.value for one in second.regression_result.regressions] == [4.0, 2.5]
    assert second.model_spec.signature_name == "serving_default"
    assert second.model_spec.version.value == 5


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"model": ""}, StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        ({"model": "none"}, StatusCode.NOT_FOUND, "Servable not found for request: Latest(none)"),
        ({"version": 9}, StatusCode.NOT_FOUND, "Servable not found for request: Specific(examples, 9)"),
        (
            {"signature": "none"},
            StatusCode.INVALID_ARGUMENT,
            "No signature was found with the name: none",
        ),
        ({"sent": Input()}, StatusCode.INVALID_ARGUMENT, "Input is empty."),
        ({"sent": examples()}, StatusCode.INVALID_ARGUMENT, "Input is empty."),
        ({"signature": "two_inputs"}, StatusCode.INVALID_ARGUMENT, "Expected one input Tensor."),
    ],
)
@pytest.mark.parametrize(
    ("method", "cls", "good"),
    [("Classify", ClassificationRequest, "classify"), ("Regress", RegressionRequest, "regress")],
)
def test_what_neither_can_answer(stub, method, cls, good, fields, code, said):
    bad = request(cls, **{"signature": good, **fields})
    assert refusal(getattr(stub, method), bad) == (code, said)
    assert getattr(stub, method)(request(cls, good)).model_spec.version.value == 5


@pytest.mark.parametrize(
    ("method", "cls", "signature", "said"),
    [
        (
            "Classify",
            ClassificationRequest,
            "three_outputs",
            "Expected one or two output Tensors, found 3",
        ),
        (
            "Classify",
            ClassificationRequest,
            "misnamed_input",
            "No classification inputs found in SignatureDef: inputs {",
        ),
        (
            "Classify",
            ClassificationRequest,
            "regress",
            "Expected classification signature outputs to contain at least one of "
            '"classes" or "scores". Signature was: inputs {',
        ),
        (
            "Classify",
            ClassificationRequest,
            "flat",
            "Expected Tensor shape: [batch_size num_classes] but got [2]",
        ),
        (
            "Classify",
            ClassificationRequest,
            "numbers",
            "Expected classes Tensor of DT_STRING. Got: DT_FLOAT",
        ),
        (
            "Classify",
            ClassificationRequest,
            "short_scores",
            "Expected scores output batch size of 2. Got: 1",
        ),
        (
            "Classify",
            ClassificationRequest,
            "uneven",
            "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
        ),
        ("Regress", RegressionRequest, "two_outputs", "Expected one output Tensor."),
        (
            "Regress",
            RegressionRequest,
            "misnamed_input",
            "No regression inputs found in SignatureDef: inputs {",
        ),
        (
            "Regress",
            RegressionRequest,
            "misnamed_output",
            "No regression outputs found in SignatureDef: inputs {",
        ),
        (
            "Regress",
            RegressionRequest,
            "wide",
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
        ),
        ("Regress", RegressionRequest, "double", "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE"),
        ("Regress", RegressionRequest, "short", "Input batch size did not match output batch size: 2 vs. 1"),
    ],
)
def test_signatures_and_outputs_must_be_of_the_kind(stub, method, cls, signature, said):
    code, details = refusal(getattr(stub, method), request(cls, signature))
    assert code == StatusCode.INVALID_ARGUMENT
    assert details.startswith(said)
    assert "{" in said or details == said


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ([], StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        ([("none", "", REGRESS)], StatusCode.NOT_FOUND, "Servable not found for request: Latest(none)"),
        (
            [("examples", "", REGRESS), ("", "classify", CLASSIFY)],
            StatusCode.INVALID_ARGUMENT,
            "Found ModelSpec with an empty model name.",
        ),
        (
            [("examples", "", REGRESS), ("none", "classify", CLASSIFY)],
            StatusCode.INVALID_ARGUMENT,
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            [("examples", "", REGRESS), ("examples", "serving_default", REGRESS)],
            StatusCode.INVALID_ARGUMENT,
            "Duplicate evaluation of signature: serving_default",
        ),
        (
            [("examples", "none", REGRESS)],
            StatusCode.INVALID_ARGUMENT,
            "Requested signature not found in model graph: none",
        ),
        (
            [("examples", "optional", PREDICT)],
            StatusCode.UNIMPLEMENTED,
            f"Unsupported signature method_name: {PREDICT}",
        ),
        (
            [("examples", "regress", REGRESS), ("examples", "other", REGRESS)],
            StatusCode.INVALID_ARGUMENT,
            "Input tensor must be the same for all Signatures.",
        ),
    ],
)
def test_tasks_that_cannot_be_done_together(stub, asked, code, said):
    assert refusal(stub.MultiInference, tasks(*asked)) == (code, said)


def test_several_inferences_of_nothing(stub):
    assert refusal(stub.MultiInference, tasks(("examples", "", REGRESS), sent=examples())) == (
        StatusCode.INVALID_ARGUMENT,
        "Input is empty.",
    )


@pytest.mark.parametrize(
    ("stubs", "messages"), [("official", get_model_metadata_pb2), ("slim", slim_metadata)]
)
def test_metadata_of_a_tf1_model(examples_server, stubs, messages):
    asked = messages.GetModelMetadataRequest(metadata_field=["signature_def", "signature_def"])
    asked.model_spec.name = "examples"
    response = Client(examples_server.channel, stubs).prediction.GetModelMetadata(asked)
    packed = response.metadata["signature_def"].value
    signatures = messages.SignatureDefMap.FromString(packed).signature_def
    assert signatures["classify"].method_name == CLASSIFY
    assert signatures["regress"].method_name == REGRESS
    assert signatures["regress"].inputs["inputs"].dtype == 7
    assert {"classes", "scores"} == set(signatures["classify"].outputs)


@pytest.mark.parametrize("stubs", ["official", "slim"])
def test_predict_runs_such_signatures_too(examples_server, stubs):
    batch = np.array([example(4.0).SerializeToString(), b""], object)
    outputs = Client(examples_server.channel, stubs).outputs("classify", model="examples", inputs=batch)
    assert outputs["classes"].tolist() == [[b"small", b"large"]] * 2
    assert outputs["scores"].tolist() == [[4.0, -4.0], [0.0, 0.0]]


@pytest.mark.parametrize("stubs", ["official", "slim"])
class TestSignatureDefaults:
    X = np.array([1, 2], np.float32)

    def test_a_missing_input_has_its_default(self, examples_server, stubs):
        client = Client(examples_server.channel, stubs)
        assert client.outputs("optional", model="examples", x=self.X)["y"].tolist() == [11.0, 12.0]
        plus = np.array(1, np.float32)
        assert client.outputs("optional", model="examples", x=self.X, plus=plus)["y"].tolist() == [2.0, 3.0]

    @pytest.mark.parametrize(
        ("inputs", "said"),
        [
            (
                ["plus"],
                r"Signature input alias: x\(feed name: .*\) not found in request and no default value "
                r"provided. Inputs expected to be in the request \{plus\}, or default input alias set: plus",
            ),
            (
                ["x", "z"],
                "Inputs contains invalid name. Used request inputs: x, request input: x,z",
            ),
            (["x", "plus", "z"], "input size does not match signature: 3!=2 .*Sent extra: {z}.*"),
        ],
    )
    def test_an_input_without_default_is_required(self, examples_server, stubs, inputs, said):
        client = Client(examples_server.channel, stubs)
        code, details = client.refusal("optional", model="examples", **dict.fromkeys(inputs, self.X))
        assert code == StatusCode.INVALID_ARGUMENT
        assert re.fullmatch(said, details)

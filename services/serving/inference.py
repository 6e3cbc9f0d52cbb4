"""The use cases over tf.Example: classify, regress, and several of them on one input.

What a signature and its outputs must look like, and the words for what is wrong with them, are TensorFlow
Serving's (servables/tensorflow/classifier.cc, regressor.cc, multi_inference.cc), which by default does not
look at a signature's own method name.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from grpc import StatusCode
from numpy.typing import NDArray
from tensorflow import as_dtype
from tensorflow.core.framework.types_pb2 import DataType
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import (
    ClassificationRequest,
    ClassificationResponse,
    ClassificationResult,
)
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest, MultiInferenceResponse
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.regression_pb2 import RegressionRequest, RegressionResponse, RegressionResult

from services.serving.predict import DEFAULT_SIGNATURE
from services.serving.repository import Model, Repository
from services.serving.running import by_size
from services.serving.status import StatusError, invalid

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
"""Method names of a MultiInference task."""

INPUTS = "inputs"
CLASSES = "classes"
SCORES = "scores"
OUTPUTS = "outputs"
"""Names such signatures give their inputs and outputs."""

Outputs = Mapping[str, NDArray[Any]]


async def classify(repository: Repository, request: ClassificationRequest) -> ClassificationResponse:
    """Label and score every example.

    Raises StatusError: as `Repository.resolve`, INVALID_ARGUMENT (signature, empty input, outputs that are no
    classification), or what TensorFlow says of the run.
    """
    version, model = repository.resolve(request.model_spec)
    signature = _signature_name(request.model_spec)
    check_classification(_definition(model, signature))
    examples = await by_size(request.ByteSize(), serialized_examples, request.input)
    outputs = await model.run(signature, {INPUTS: examples})
    result = await by_size(_size(outputs), classification, outputs, len(examples))
    response = ClassificationResponse(result=result)
    _name(response.model_spec, request.model_spec, version)
    return response


async def regress(repository: Repository, request: RegressionRequest) -> RegressionResponse:
    """One value for every example. Raises StatusError as `classify` does."""
    version, model = repository.resolve(request.model_spec)
    signature = _signature_name(request.model_spec)
    check_regression(_definition(model, signature))
    examples = await by_size(request.ByteSize(), serialized_examples, request.input)
    outputs = await model.run(signature, {INPUTS: examples})
    response = RegressionResponse(result=await by_size(_size(outputs), regression, outputs, len(examples)))
    _name(response.model_spec, request.model_spec, version)
    return response


class _Task(NamedTuple):
    spec: ModelSpec
    is_classification: bool


async def multi_inference(repository: Repository, request: MultiInferenceRequest) -> MultiInferenceResponse:
    """Several classifications and regressions of one model on the same examples.

    The first task's spec chooses the version. Raises StatusError as `classify` does, INVALID_ARGUMENT for
    tasks that do not go together, UNIMPLEMENTED for a task that is neither.
    """
    version, model = repository.resolve(request.tasks[0].model_spec if request.tasks else ModelSpec())
    tasks = _checked_tasks(model, request)
    examples = await by_size(request.ByteSize(), serialized_examples, request.input)
    response = MultiInferenceResponse()
    for task in tasks:
        outputs = await model.run(_signature_name(task.spec), {INPUTS: examples})
        result = response.results.add()
        if task.is_classification:
            classes = await by_size(_size(outputs), classification, outputs, len(examples))
            result.classification_result.CopyFrom(classes)
        else:
            values = await by_size(_size(outputs), regression, outputs, len(examples))
            result.regression_result.CopyFrom(values)
        _name(result.model_spec, task.spec, version)
    return response


def _checked_tasks(model: Model, request: MultiInferenceRequest) -> list[_Task]:
    checks: dict[str, Callable[[SignatureDef], None]]
    checks = {CLASSIFY: check_classification, REGRESS: check_regression}
    tasks: list[_Task] = []
    signatures: set[str] = set()
    fed = ""
    for task in request.tasks:
        spec = task.model_spec
        if not spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        if spec.name != request.tasks[0].model_spec.name:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = _signature_name(spec)
        if name in signatures:
            raise invalid(f"Duplicate evaluation of signature: {name}")
        signatures.add(name)
        definition = model.signatures.get(name)
        if definition is None:
            raise invalid(f"Requested signature not found in model graph: {name}")
        check = checks.get(task.method_name)
        if check is None:
            raise StatusError(
                StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}"
            )
        check(definition)
        tensor = definition.inputs[INPUTS].name
        if fed not in {"", tensor}:
            raise invalid("Input tensor must be the same for all Signatures.")
        fed = tensor
        tasks.append(_Task(spec, task.method_name == CLASSIFY))
    return tasks


def serialized_examples(sent: Input) -> NDArray[Any]:
    """The examples as a batch of serialized tf.Example, shape (examples,).

    A context goes before each: fields of concatenated messages merge. Raises StatusError INVALID_ARGUMENT
    where there is none.
    """
    context = b""
    if sent.WhichOneof("kind") == "example_list_with_context":
        context = sent.example_list_with_context.context.SerializeToString()
        examples = sent.example_list_with_context.examples
    else:
        examples = sent.example_list.examples
    if not examples:
        raise invalid("Input is empty.")
    batch = np.empty(len(examples), object)
    batch[:] = [context + example.SerializeToString() for example in examples]
    return batch


def check_classification(definition: SignatureDef) -> None:
    """Raise StatusError INVALID_ARGUMENT for a signature that cannot classify."""
    if len(definition.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(definition.outputs) not in {1, 2}:
        raise invalid(f"Expected one or two output Tensors, found {len(definition.outputs)}")
    if INPUTS not in definition.inputs:
        raise invalid(f"No classification inputs found in SignatureDef: {definition}")
    if CLASSES not in definition.outputs and SCORES not in definition.outputs:
        raise invalid(
            "Expected classification signature outputs to contain at least one of "
            f'"{CLASSES}" or "{SCORES}". Signature was: {definition}'
        )


def check_regression(definition: SignatureDef) -> None:
    """Raise StatusError INVALID_ARGUMENT for a signature that cannot regress."""
    if len(definition.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(definition.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if INPUTS not in definition.inputs:
        raise invalid(f"No regression inputs found in SignatureDef: {definition}")
    if OUTPUTS not in definition.outputs:
        raise invalid(f"No regression outputs found in SignatureDef: {definition}")


def classification(outputs: Outputs, examples: int) -> ClassificationResult:
    """The result of outputs "classes" and "scores", each of shape (examples, classes); one may be missing.

    Raises StatusError INVALID_ARGUMENT for other shapes and dtypes.
    """
    present = {}
    for name, dtype in ((CLASSES, DataType.DT_STRING), (SCORES, DataType.DT_FLOAT)):
        if (array := outputs.get(name)) is None:
            continue
        if array.ndim != 2:
            raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}")
        if _data_type(array) != dtype:
            raise invalid(
                f"Expected {name} Tensor of {DataType.Name(dtype)}. Got: {DataType.Name(_data_type(array))}"
            )
        if len(array) != examples:
            raise invalid(f"Expected {name} output batch size of {examples}. Got: {len(array)}")
        present[name] = array.tolist()
    classes, scores = present.get(CLASSES, []), present.get(SCORES, [])
    if classes and scores and len(classes[0]) != len(scores[0]):
        raise invalid(
            f"Tensors class and score should match in dim_size(1). Got {len(classes[0])} vs. {len(scores[0])}"
        )
    result = ClassificationResult()
    for row in range(examples):
        entry = result.classifications.add()
        for column in range(len((classes or scores)[row])):
            one = entry.classes.add()
            if classes:
                one.label = _text(classes[row][column])
            if scores:
                one.score = scores[row][column]
    return result


def regression(outputs: Outputs, examples: int) -> RegressionResult:
    """The result of output "outputs", of shape (examples,) or (examples, 1).

    Raises StatusError INVALID_ARGUMENT for another shape or dtype.
    """
    array = outputs[OUTPUTS]
    if array.ndim != 1 and (array.ndim != 2 or array.shape[1] != 1):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{_shape(array)}"
        )
    if len(array) != examples:
        raise invalid(f"Input batch size did not match output batch size: {examples} vs. {len(array)}")
    if _data_type(array) != DataType.DT_FLOAT:
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {DataType.Name(_data_type(array))}")
    result = RegressionResult()
    for value in array.ravel().tolist():
        result.regressions.add(value=value)
    return result


def _definition(model: Model, signature: str) -> SignatureDef:
    definition = model.signatures.get(signature)
    if definition is None:
        raise invalid(f"No signature was found with the name: {signature}")
    return definition


def _signature_name(spec: ModelSpec) -> str:
    return spec.signature_name or DEFAULT_SIGNATURE


def _name(answered: ModelSpec, asked: ModelSpec, version: int) -> None:
    answered.name = asked.name
    answered.signature_name = _signature_name(asked)
    answered.version.value = version


def _size(outputs: Outputs) -> int:
    return sum(array.nbytes for array in outputs.values())


def _text(label: bytes) -> str:
    return label.decode("utf-8", "replace")  # the message's field cannot hold other bytes


def _shape(array: NDArray[Any]) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _data_type(array: NDArray[Any]) -> int:
    number: int = as_dtype(array.dtype).as_datatype_enum
    return number

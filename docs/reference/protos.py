"""The gRPC edge, from the comments in its proto file."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from google.protobuf import descriptor_pb2 as pb

from docs.reference.markdown import described, line, sections, table
from services.gateway.policy import RULES

SOURCE = "wattgate/forecast/v1/forecast_service.proto"

_HEALTH, _REFLECTION = "/grpc.health.v1.Health", "/grpc.reflection.v1alpha.ServerReflection"
_PREDICTION, _MODELS = "/tensorflow.serving.PredictionService", "/tensorflow.serving.ModelService"
_NO_SIGNATURE = "Answers UNIMPLEMENTED: models have no such signature here."
_OTHERS = {
    f"{_HEALTH}/Check": "Whether the gateway, or the model of the name given, answers forecasts now.",
    f"{_HEALTH}/Watch": "The same, and every change of it.",
    f"{_PREDICTION}/Predict": "Run a signature of a model on windows of one's own making.",
    f"{_PREDICTION}/GetModelMetadata": "The signatures of a model.",
    f"{_PREDICTION}/Classify": _NO_SIGNATURE,
    f"{_PREDICTION}/Regress": _NO_SIGNATURE,
    f"{_PREDICTION}/MultiInference": _NO_SIGNATURE,
    f"{_MODELS}/GetModelStatus": "Which versions of a model there are, and their state.",
    f"{_MODELS}/HandleReloadConfigRequest": "Answers UNIMPLEMENTED: models are published by files.",
    f"{_REFLECTION}/ServerReflectionInfo": "What services there are. In development alone.",
}
"""Calls that others define."""

# Field numbers of descriptor.proto, of which the paths of comments are made.
MESSAGE, FIELD, NESTED_ENUM = 4, 2, 4
ENUM, VALUE, SERVICE, METHOD = 5, 2, 6, 2


class Proto:
    """A file with its comments."""

    def __init__(self, file: pb.FileDescriptorProto) -> None:
        """Keep both; `file` has its source information."""
        self.file = file
        self._comments = {
            tuple(each.path): each.leading_comments + each.trailing_comments
            for each in file.source_code_info.location
        }

    def comment(self, *path: int) -> str:
        """That of what is at a path; empty where there is none."""
        lines = self._comments.get(path, "").splitlines()
        return "\n".join(each.removeprefix(" ") for each in lines).strip()


def compiled() -> Proto:
    """The contract, as protoc reads it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "descriptors"
        # Timestamps come with protoc, google.rpc with googleapis-common-protos.
        status = Path(str(resources.files("google.rpc") / "status.proto"))
        # A process of its own: its protobuf and TensorFlow's in one end it without a word.
        protoc = [sys.executable, "-m", "grpc_tools.protoc", "-Iproto", f"-I{status.parents[2]}"]
        told = ["--include_source_info", f"--descriptor_set_out={out}", SOURCE]
        subprocess.run([*protoc, *told], check=True)  # noqa: S603 - nothing in it is a caller's
        return Proto(pb.FileDescriptorSet.FromString(out.read_bytes()).file[0])


def service(proto: Proto) -> str:
    """Our service and its calls; then those of services that others define."""
    (ours,) = proto.file.service
    comment = proto.comment(SERVICE, 0)
    described(ours.name, comment)
    path = f"/{proto.file.package}.{ours.name}"
    others = [
        [f"`{call}`", f"`{rule.scope}`" if rule.scope else "none", described(call, _OTHERS.get(call))]
        for call, rule in RULES.items()
        if call.startswith("/") and not call.startswith(f"{path}/")
    ]
    return sections(
        f"## {ours.name}",
        comment,
        *(_method(proto, path, i, method) for i, method in enumerate(ours.method)),
        "## Other services",
        table(["call", "scope", "what it does"], others),
    )


def messages(proto: Proto) -> str:
    """Every message and enumeration."""
    file = proto.file
    return sections(
        *(part for i, each in enumerate(file.message_type) for part in _message(proto, each, (MESSAGE, i))),
        *(_enum(proto, each, (ENUM, i), each.name) for i, each in enumerate(file.enum_type)),
    )


def _method(proto: Proto, path: str, index: int, method: pb.MethodDescriptorProto) -> str:
    call = f"{path}/{method.name}"
    comment = proto.comment(SERVICE, 0, METHOD, index)
    described(call, comment)
    takes = f"{'stream of ' * method.client_streaming}{_type_named(method.input_type)}"
    answers = f"{'stream of ' * method.server_streaming}{_type_named(method.output_type)}"
    about = f"`{call}` takes {takes}, answers {answers}. Scope: `{RULES[call].scope}`."
    return sections(f"### {method.name}", about, comment)


def _message(proto: Proto, message: pb.DescriptorProto, path: tuple[int, ...]) -> Iterator[str]:
    rows = [
        [f"`{field.name}`", _type(field), str(field.number), line(proto.comment(*path, FIELD, i))]
        for i, field in enumerate(message.field)
    ]
    fields = table(["field", "type", "number", "what it is"], rows)
    yield sections(f"### {message.name}", proto.comment(*path), fields)
    for i, each in enumerate(message.enum_type):
        yield _enum(proto, each, (*path, NESTED_ENUM, i), f"{message.name}.{each.name}")


def _enum(proto: Proto, enum: pb.EnumDescriptorProto, path: tuple[int, ...], name: str) -> str:
    rows = [
        [f"`{value.name}`", str(value.number), line(proto.comment(*path, VALUE, i))]
        for i, value in enumerate(enum.value)
    ]
    return sections(f"### {name}", proto.comment(*path), table(["value", "number", "what it says"], rows))


def _type(field: pb.FieldDescriptorProto) -> str:
    if field.type_name.endswith("Entry"):
        return "map, see the proto file"
    scalar = pb.FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    name = _type_named(field.type_name) if field.type_name else scalar
    return f"repeated {name}" if field.label == pb.FieldDescriptorProto.LABEL_REPEATED else name


def _type_named(path: str) -> str:
    """One of ours by a link to its heading on this page, one of others by its name."""
    name = path.removeprefix(".wattgate.forecast.v1.")
    return f"`{path[1:]}`" if name == path else f"[{name}](#{name.lower().replace('.', '')})"

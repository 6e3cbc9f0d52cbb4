"""Text-format messages of TensorFlow Serving's configuration that its Python package does not bring.

Names and types are those of `BatchingParameters` (servables/tensorflow/session_bundle_config.proto),
`MonitoringConfig` (config/monitoring_config.proto) and `SSLConfig` (config/ssl_config.proto). They live in a
descriptor pool of their own: a later release of the package may well bring the real ones.
"""

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from google.protobuf.message import Message

from services.serving.status import invalid, not_found

_PACKAGE = "tensorflow.serving"
_INT64_VALUE, _BOOL_VALUE, _STRING_VALUE = (
    f"google.protobuf.{name}Value" for name in ("Int64", "Bool", "String")
)
_SCALARS = {
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}
_MESSAGES = {
    "BatchingParameters": {
        "max_batch_size": _INT64_VALUE,
        "batch_timeout_micros": _INT64_VALUE,
        "max_enqueued_batches": _INT64_VALUE,
        "num_batch_threads": _INT64_VALUE,
        "thread_pool_name": _STRING_VALUE,
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
        "enable_large_batch_splitting": _BOOL_VALUE,
        "max_execution_batch_size": _INT64_VALUE,
    },
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": f"{_PACKAGE}.PrometheusConfig"},
    "SSLConfig": {
        "server_key": "string",
        "server_cert": "string",
        "custom_ca": "string",
        "client_verify": "bool",
    },
}
"""Fields and their types; in text format only names matter, so numbers are simply counted."""


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(
        name="config_messages.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, declared) in enumerate(fields.items(), 1):
            type_ = declared.removeprefix("repeated ")
            added = message.field.add(name=field, number=number)
            added.label = added.LABEL_REPEATED if type_ != declared else added.LABEL_OPTIONAL
            if type_ in _SCALARS:
                added.type = _SCALARS[type_]
            else:
                added.type, added.type_name = added.TYPE_MESSAGE, f".{type_}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _pool()


def read(path: Path, name: str, *, secret: bool = False) -> Any:
    """The message of type `name` in a text-format file.

    Raises StatusError: NOT_FOUND for a file that cannot be read, INVALID_ARGUMENT for one that does not
    parse, with the line that does not unless the file is `secret`.
    """
    message: Message = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))()
    try:
        text_format.Parse(path.read_bytes(), message)
    except OSError as error:
        raise not_found(f"{path}: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        said = f"Invalid protobuf file: '{path}'"
        raise invalid(said if secret else f"{said}: {error}") from None
    return message

"""Messages of public protocols for which no installed package has generated code."""

from collections.abc import Sequence

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

BOOL = FieldDescriptorProto.TYPE_BOOL
INT32 = FieldDescriptorProto.TYPE_INT32
"""On the wire also an enum."""
STRING = FieldDescriptorProto.TYPE_STRING


def message(name: str, fields: Sequence[tuple[str, FieldDescriptorProto.Type.ValueType]]) -> type[Message]:
    """A message of these fields, numbered from 1, in a pool of its own: it clashes with nothing."""
    declared = [
        FieldDescriptorProto(name=field, number=number, type=kind, label=FieldDescriptorProto.LABEL_OPTIONAL)
        for number, (field, kind) in enumerate(fields, start=1)
    ]
    file = FileDescriptorProto(name=f"{name}.proto", syntax="proto3")
    file.message_type.append(DescriptorProto(name=name, field=declared))
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(name))

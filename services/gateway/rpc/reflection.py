"""Server reflection, for development: what there is to call, told to tools such as grpcurl."""

import grpc.aio
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import SERVICE_NAME
from grpc_reflection.v1alpha.reflection import aio as reflection
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

from services.gateway.rpc import health
from wattgate.forecast.v1 import forecast_service_pb2
from wattgate.tfserving.methods import (
    GET_MODEL_METADATA,
    GET_MODEL_STATUS,
    MODEL_SERVICE,
    PREDICT,
    PREDICTION_SERVICE,
)
from wattgate.tfserving.v1 import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

_PASSED_THROUGH: dict[str, tuple[type[Message], type[Message]]] = {
    PREDICT: (predict_pb2.PredictRequest, predict_pb2.PredictResponse),
    GET_MODEL_METADATA: (
        get_model_metadata_pb2.GetModelMetadataRequest,
        get_model_metadata_pb2.GetModelMetadataResponse,
    ),
    GET_MODEL_STATUS: (
        get_model_status_pb2.GetModelStatusRequest,
        get_model_status_pb2.GetModelStatusResponse,
    ),
}

SERVICES = (
    forecast_service_pb2.DESCRIPTOR.services_by_name["ForecastService"].full_name,
    PREDICTION_SERVICE,
    MODEL_SERVICE,
    health.NAME,
    SERVICE_NAME,
)


def add_to(server: grpc.aio.Server) -> None:
    """Have a server tell of every service of this edge."""
    pool = DescriptorPool()
    modules = (forecast_service_pb2, health_pb2, reflection_pb2)
    messages = (kind.DESCRIPTOR.file for kind, _ in _PASSED_THROUGH.values())
    for file in (*(module.DESCRIPTOR for module in modules), *messages):
        _add(file, pool)
    pool.Add(_tensorflow_serving())
    add_ServerReflectionServicer_to_server(reflection.ReflectionServicer(SERVICES, pool=pool), server)


def _add(file: FileDescriptor, pool: DescriptorPool) -> None:
    """Copy a file and all that it imports."""
    for imported in file.dependencies:
        _add(imported, pool)
    written = FileDescriptorProto()
    file.CopyToProto(written)
    pool.Add(written)


def _tensorflow_serving() -> FileDescriptorProto:
    """TensorFlow Serving's services as far as they are passed through, over our own messages.

    No file of `proto/`: the names are TensorFlow Serving's, whose stubs a process may have as well.
    """
    file = FileDescriptorProto(
        name="tensorflow_serving/passed_through.proto",
        syntax="proto3",
        package="tensorflow.serving",
        dependency=[kind.DESCRIPTOR.file.name for kind, _ in _PASSED_THROUGH.values()],
    )
    services = {}
    for path, (request, response) in _PASSED_THROUGH.items():
        service, _, method = path.removeprefix("/").rpartition("/")
        if service not in services:
            services[service] = file.service.add(name=service.removeprefix("tensorflow.serving."))
        services[service].method.add(
            name=method,
            input_type=f".{request.DESCRIPTOR.full_name}",
            output_type=f".{response.DESCRIPTOR.full_name}",
        )
    return file

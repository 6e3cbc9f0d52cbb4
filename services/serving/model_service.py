"""gRPC edge: tensorflow.serving.ModelService."""

import grpc
from tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
)

from services.serving.repository import Repository
from services.serving.rpc import Context, unary
from services.serving.status import invalid


def handlers(repository: Repository) -> grpc.GenericRpcHandler:
    """The service's methods; those not among them answer UNIMPLEMENTED."""

    async def get_model_status(request: GetModelStatusRequest, _: Context) -> GetModelStatusResponse:
        return status(repository, request)

    return grpc.method_handlers_generic_handler(
        "tensorflow.serving.ModelService", {"GetModelStatus": unary(get_model_status, GetModelStatusRequest)}
    )


def status(repository: Repository, request: GetModelStatusRequest) -> GetModelStatusResponse:
    """The state of one version, or of every version of a model.

    Raises StatusError: INVALID_ARGUMENT (no model_spec), NOT_FOUND (model, version).
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    response = GetModelStatusResponse()
    for version in repository.available(request.model_spec):
        known = response.model_version_status.add(version=version, state=ModelVersionStatus.AVAILABLE)
        known.status.SetInParent()  # OK is all zeros, yet clients look for the message
    return response

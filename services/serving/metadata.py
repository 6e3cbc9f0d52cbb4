"""The use case: what signatures a version has."""

from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)

from services.serving.repository import Repository
from services.serving.status import invalid

SIGNATURE_DEF = "signature_def"
"""The one metadata field there is."""


def metadata(repository: Repository, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
    """The signatures of the version asked for.

    Raises StatusError: INVALID_ARGUMENT (no model_spec, no field, another field), or as `Repository.resolve`.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURE_DEF:
            raise invalid(f"Metadata field {field} is not supported")
    version, model = repository.resolve(request.model_spec)
    response = GetModelMetadataResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.version.value = version
    response.metadata[SIGNATURE_DEF].Pack(SignatureDefMap(signature_def=model.signatures))
    return response

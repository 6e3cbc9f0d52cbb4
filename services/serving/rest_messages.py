"""The messages REST answers as JSON: a model's status and its metadata.

As upstream's http_rest_api_util.cc prints them: proto field names, int64 as strings, default values too.
"""

import json
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse

from services.serving.metadata import SIGNATURE_DEF


def write_status(response: GetModelStatusResponse) -> str:
    """`{"model_version_status": [...]}`."""
    return json.dumps(_as_dict(response), indent=1)


def write_metadata(response: GetModelMetadataResponse) -> str:
    """`{"model_spec": {...}, "metadata": {"signature_def": {"signature_def": {...}}}}`."""
    signatures = SignatureDefMap()
    response.metadata[SIGNATURE_DEF].Unpack(signatures)
    return json.dumps(
        {"model_spec": _as_dict(response.model_spec), "metadata": {SIGNATURE_DEF: _as_dict(signatures)}},
        indent=1,
    )


def _as_dict(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)

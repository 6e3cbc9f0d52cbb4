"""One version of a model in Triton's Python backend: its SavedModel, any signature of it.

repository.py puts it where Triton looks for it. The signature is a parameter of the request (Wattgate's own
name for it, as the Open Inference Protocol has none).
"""

import json
from pathlib import Path
from typing import Any

import triton_python_backend_utils as triton

from services.serving.forecaster import load
from services.serving.status import StatusError
from services.triton.repository import SAVED_MODEL
from wattgate.openinference.methods import SIGNATURE
from wattgate.tfserving.methods import DEFAULT_SIGNATURE


class TritonPythonModel:
    """What Triton looks for by this name."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load and warm the version; Triton calls it ready once this is over."""
        self._model = load(Path(args["model_repository"]) / args["model_version"] / SAVED_MODEL)

    def execute(self, requests: list[Any]) -> list[Any]:
        """An answer for each request, or an error in its place."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            asked = json.loads(request.parameters() or "{}")
            inputs = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
            outputs = self._model.run(asked.get(SIGNATURE, DEFAULT_SIGNATURE), inputs)
            return triton.InferenceResponse(
                [
                    triton.Tensor(name, outputs[name].reshape(outputs[name].shape or (1,)))
                    for name in request.requested_output_names()
                    if name in outputs
                ]
            )
        except (StatusError, KeyError) as error:
            return triton.InferenceResponse(
                error=triton.TritonError(str(error), triton.TritonError.INVALID_ARG)
            )

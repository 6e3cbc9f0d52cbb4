"""MLServer as fast as it answers one caller: in one process, nothing logged or counted for a request."""

import sys
from pathlib import Path

import uvloop
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse

from services.serving.forecaster import load
from tests.benchmarks.engines import MODEL, VERSION

PORT, MODELS = sys.argv[1:]


class Forecaster(MLModel):
    async def load(self) -> bool:
        self._model = load(Path(MODELS, MODEL, VERSION))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        inputs = {given.name: NumpyCodec.decode_input(given) for given in payload.inputs}
        outputs = self._model.run(payload.parameters.signature, inputs)
        encoded = [
            StringCodec.encode_output(name, [array.item().decode()])
            if array.dtype == object
            else NumpyCodec.encode_output(name, array)
            for name, array in outputs.items()
        ]
        return InferenceResponse(model_name=MODEL, model_version=VERSION, outputs=encoded)


async def main() -> None:
    settings = Settings(
        debug=False,
        parallel_workers=0,
        host="127.0.0.1",
        grpc_port=int(PORT),
        http_port=0,
        metrics_endpoint=None,
    )
    model = ModelSettings(name=MODEL, implementation=Forecaster, parameters=ModelParameters(version=VERSION))
    await MLServer(settings).start([model])


if __name__ == "__main__":
    uvloop.run(main())

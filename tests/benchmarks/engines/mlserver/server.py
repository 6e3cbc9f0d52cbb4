"""MLServer as fast as it answers one caller: in one process, nothing logged or counted for a request."""

import sys

import uvloop
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from tests.benchmarks.engines import session
from tests.benchmarks.engines.open_inference import MODEL, OUTPUT

PORT, FOLDER, SIGNATURE = sys.argv[1:]


class Gru(MLModel):
    async def load(self) -> bool:
        self._run = session.load(FOLDER, SIGNATURE)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        forecast = self._run(NumpyCodec.decode_input(payload.inputs[0]))
        return InferenceResponse(model_name=MODEL, outputs=[NumpyCodec.encode_output(OUTPUT, forecast)])


async def main() -> None:
    settings = Settings(
        debug=False,
        parallel_workers=0,
        host="127.0.0.1",
        grpc_port=int(PORT),
        http_port=0,
        metrics_endpoint=None,
    )
    await MLServer(settings).start([ModelSettings(name=MODEL, implementation=Gru)])


if __name__ == "__main__":
    uvloop.run(main())

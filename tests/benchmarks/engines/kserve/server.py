"""KServe as fast as it answers one caller: the model on the event loop, nothing logged for a request.

It would run on asyncio's own loop; uvloop's takes some percent less. It listens on all interfaces, always.
"""

import asyncio
import logging
import sys
from pathlib import Path

import uvloop
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer

from services.serving.forecaster import load
from tests.benchmarks.engines import MODEL, VERSION

PORT, MODELS = sys.argv[1:]


class Forecaster(Model):
    def load(self) -> bool:
        self._model = load(Path(MODELS, MODEL, VERSION))
        self.ready = True
        return True

    async def predict(self, payload: InferRequest, _headers=None, _response_headers=None) -> InferResponse:
        inputs = {given.name: given.as_numpy() for given in payload.inputs}
        outputs = []
        for name, array in self._model.run(payload.parameters["signature"].string_param, inputs).items():
            kind = "BYTES" if array.dtype == object else "FP32"
            output = InferOutput(name, list(array.shape) or [1], kind)
            output.set_data_from_numpy(array.reshape(array.shape or (1,)))
            outputs.append(output)
        return InferResponse(payload.id, MODEL, outputs)


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # KServe asks for the thread's loop before it runs one.
    asyncio.set_event_loop(uvloop.new_event_loop())
    model = Forecaster(MODEL)
    model.load()
    server = ModelServer(http_port=0, grpc_port=int(PORT), enable_latency_logging=False)
    logging.getLogger("kserve").setLevel(logging.WARNING)
    server.start([model])

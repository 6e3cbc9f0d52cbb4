"""KServe as fast as it answers one caller: the model on the event loop, nothing logged for a request.

It would run on asyncio's own loop; uvloop's takes some percent less. It listens on all interfaces, always.
"""

import asyncio
import logging
import sys

import uvloop
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer

from tests.benchmarks.engines import session
from tests.benchmarks.engines.open_inference import MODEL, OUTPUT

PORT, FOLDER, SIGNATURE = sys.argv[1:]


class Gru(Model):
    def load(self) -> bool:
        self._run = session.load(FOLDER, SIGNATURE)
        self.ready = True
        return True

    async def predict(self, payload: InferRequest, _headers=None, _response_headers=None) -> InferResponse:
        forecast = self._run(payload.inputs[0].as_numpy())
        output = InferOutput(OUTPUT, list(forecast.shape), "FP32")
        output.set_data_from_numpy(forecast)
        return InferResponse(payload.id, MODEL, [output])


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # KServe asks for the thread's loop before it runs one.
    asyncio.set_event_loop(uvloop.new_event_loop())
    model = Gru(MODEL)
    model.load()
    server = ModelServer(http_port=0, grpc_port=int(PORT), enable_latency_logging=False)
    logging.getLogger("kserve").setLevel(logging.WARNING)
    server.start([model])

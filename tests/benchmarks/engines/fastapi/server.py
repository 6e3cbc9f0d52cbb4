"""FastAPI alone: a service with TensorFlow in its process, built as FastAPI's and TensorFlow's pages teach.

The token check, reading, features and units are the gateway's own functions. GATEWAY_MODEL_SERVER is
unix:MODELS.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import tensorflow as tf
import uvicorn
from fastapi import Depends, FastAPI, UploadFile
from fastapi.security import OAuth2PasswordBearer

from pipelines.postprocessing import denormalise
from pipelines.preprocessing.features import known_input, model_input
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.series import last_window
from pipelines.spec import SIGNATURE, ForecastSpec
from services.gateway.policy import FORECAST
from services.gateway.rest import tokens
from services.gateway.settings import Settings
from services.gateway.wiring import open_gateway
from tests.benchmarks.engines import MODEL, VERSION

settings = Settings()
folder = Path(settings.model_server.removeprefix("unix:")) / MODEL / VERSION
loaded = tf.saved_model.load(str(folder))
spec = ForecastSpec.model_validate_json(loaded.signatures[SIGNATURE]()[SIGNATURE].numpy())
model = loaded.signatures[spec.signatures[0]]
model(**{spec.input: tf.constant(known_input(spec))})  # compiled before anybody waits for it


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """For its users and keys; the model server it asks for does not exist."""
    async with open_gateway(settings) as app.state.gateway:
        yield


app = FastAPI(lifespan=lifespan)
app.include_router(tokens.router)


async def current_user(token: Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="token"))]) -> str:
    """Who calls."""
    return (await app.state.gateway.login.admit(token, FORECAST)).id


@app.get("/readyz")
def ready() -> str:
    """The model is loaded before anything is served."""
    return "ready"


@app.post("/predict/{_name}")
def predict(_name: str, file: UploadFile, _user: Annotated[str, Depends(current_user)]) -> list[float]:
    """The thesis' call; in a thread, as it is no coroutine."""
    series = read_meter_file(file.file.read(), zone=spec.zone)
    window = last_window(series, window=spec.window, resolution_s=spec.resolution_s, grid_s=spec.grid_s)
    output = model(**{spec.input: tf.constant(model_input(window, spec))})[spec.output].numpy()
    return denormalise(output[0], mean_kw=spec.load.mean, std_kw=spec.load.std).tolist()


if __name__ == "__main__":
    config = uvicorn.Config(
        app,
        host=settings.bind_address,
        port=settings.https_port,
        ssl_certfile=str(settings.tls_certificate),
        ssl_keyfile=str(settings.tls_key),
        access_log=False,
    )
    uvicorn.Server(config).run()

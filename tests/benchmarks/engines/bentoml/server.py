"""BentoML with the service that the gateway's adapter is for."""

import os
import sys

PORT, MODELS = sys.argv[1:]

os.execve(
    sys.executable,
    [
        sys.executable,
        "-m",
        "bentoml",
        "serve",
        "services.bento.service:Forecasts",
        "--host",
        "127.0.0.1",
        "--port",
        PORT,
    ],
    {**os.environ, "BENTO_MODELS": MODELS, "BENTOML_DO_NOT_TRACK": "1"},
)

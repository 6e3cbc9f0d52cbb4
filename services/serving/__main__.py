"""`wattgate-model-server`: the command line of the embedded model server."""

import logging
import os
import sys

import uvloop

from services.core.telemetry import logs, traces
from services.serving import flags, model_config
from services.serving.status import StatusError

log = logging.getLogger("services.serving")

LOG_FORMAT = "MODEL_SERVER_LOG_FORMAT"
"""Environment variable: json for lines of JSON, else text. No flag, as the stock server would not take it."""

FAILED_START = 255
"""Exit status of a server that could not start, as TensorFlow Serving's."""


def main() -> None:
    """Serve until told to stop; exits 0, or 255 with the reason when it cannot start."""
    logs.set_up("json" if os.environ.get(LOG_FORMAT) == "json" else "text")
    for chatty in ("tensorflow", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    asked = flags.parse(sys.argv[1:])
    for unknown in asked.unknown:
        log.warning("Unknown flag, ignored: %s", unknown)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reads it once, when imported
    status = _served(asked)
    traces.close()
    logs.flush()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # A run that outlived the grace must not keep the process: its thread would be waited for.
    os._exit(status)


def _served(asked: flags.Flags) -> int:
    try:
        flags.check(asked)
        models = model_config.models(asked)
        # Imported here, for wrong flags and configs to be told without seconds of importing TensorFlow.
        from services.serving.server import serve

        traces.set_up("wattgate-model-server")
        uvloop.run(serve(asked, models))
    except model_config.ConfigParseError as error:
        log.error("Error parsing text-format tensorflow.serving.ModelServerConfig: %s", error)
        return FAILED_START
    except StatusError as error:
        reason = f"{error.code.name}: {error.message}"
        sys.stdout.write(f"Failed to start server. Error: {reason}\n")
        log.error("Failed to start server. Error: %s", reason)
        return FAILED_START
    return 0


if __name__ == "__main__":
    main()

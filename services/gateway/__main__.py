"""Start the gateway: read its settings, then run it in this process or in several."""

import argparse
import logging
import sys
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from services.core.telemetry import logs
from services.gateway.settings import Settings, StartError


def main() -> None:
    """Read the settings from the environment and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m services.gateway",
        description="Serve both edges. Every setting is an environment variable GATEWAY_<NAME>; see "
        "services/gateway/settings.py.",
    )
    parser.add_argument("--workers", type=int, help="processes that share the ports (GATEWAY_WORKERS)")
    asked: dict[str, Any] = {
        name: value for name, value in vars(parser.parse_args()).items() if value is not None
    }
    try:
        settings = Settings(**asked)
        logs.set_up(settings.log_format or ("text" if sys.stderr.isatty() else "json"))
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        # Each imports what the other has no use for.
        if settings.workers > 1 and settings.worker is None:
            from services.gateway import workers

            sys.exit(workers.run(settings))
        from services.gateway import process

        sys.exit(process.run(settings))
    except (SettingsError, ValidationError) as error:
        sys.exit(_explained(error))
    except StartError as error:
        sys.exit(f"The gateway cannot start: {error}")


def _explained(error: SettingsError | ValidationError) -> str:
    if isinstance(error, SettingsError):
        return f"The gateway cannot start: {error}"
    lines = [
        f"  {'_'.join(['GATEWAY', *map(str, fault['loc'])]).upper()}: {fault['msg']}"
        for fault in error.errors()
    ]
    return "\n".join(["The gateway cannot start; mend these settings:", *lines])


if __name__ == "__main__":
    main()

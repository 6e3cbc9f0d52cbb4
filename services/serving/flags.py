"""Command line flags, named and written as TensorFlow Serving's (tensorflow_model_server --help)."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from services.serving.status import invalid

DESCRIPTION = "Serve SavedModels over TensorFlow Serving's gRPC and REST protocol."


@dataclass(frozen=True)
class Flags:
    """What the command line asks for."""

    port: int
    """TCP port of gRPC."""
    rest_api_port: int
    """TCP port of REST; 0 is off."""
    bind_address: str
    """Interface both ports listen on. Not a flag of TensorFlow Serving, which always takes all of them."""
    model_config_file: str
    """Text-format ModelServerConfig; empty: `model_name` and `model_base_path` name the one model."""
    model_name: str
    model_base_path: str
    enable_serialization_as_tensor_content: bool
    """Answer tensors packed instead of in typed fields."""
    enable_batching: bool
    """Run concurrent requests together."""
    batching_parameters_file: str
    """Text-format BatchingParameters; empty: the defaults. Only with `enable_batching`."""
    monitoring_config_file: str
    """Text-format MonitoringConfig; empty: no metrics."""
    unknown: tuple[str, ...]
    """Arguments that are no flag of ours: reported, then ignored."""


def parse(arguments: Sequence[str]) -> Flags:
    """Read `--name=value` and `--name value`; a bool may stand alone.

    Exits with status 2 and a message on a value that is not of the flag's type.
    """
    parser = argparse.ArgumentParser(
        prog="wattgate-model-server", description=DESCRIPTION, allow_abbrev=False, argument_default=""
    )
    parser.add_argument("--port", type=_port, default=8500, help="TCP port of gRPC")
    parser.add_argument("--rest_api_port", type=_port_or_off, default=0, help="TCP port of REST; 0 is off")
    parser.add_argument("--bind_address", default="0.0.0.0", help="interface to listen on")  # noqa: S104 - as upstream
    parser.add_argument("--model_config_file", help="text-format ModelServerConfig")
    parser.add_argument("--model_name", default="default", help="name of the one model")
    parser.add_argument("--model_base_path", help="folder of its versions")
    _add_bool(parser, "--enable_serialization_as_tensor_content", "answer tensors packed")
    _add_bool(parser, "--enable_batching", "run concurrent requests together")
    parser.add_argument("--batching_parameters_file", help="text-format BatchingParameters")
    parser.add_argument("--monitoring_config_file", help="text-format MonitoringConfig")
    _add_bool(parser, "--xla_cpu_compilation_enabled", "taken for compatibility: always on here")
    known, unknown = parser.parse_known_args(arguments)
    values = vars(known)
    del values["xla_cpu_compilation_enabled"]
    return Flags(**values, unknown=tuple(unknown))


def check(asked: Flags) -> None:
    """Raises StatusError INVALID_ARGUMENT for flags that contradict one another."""
    if asked.batching_parameters_file and not asked.enable_batching:
        raise invalid(
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true."
        )


def _add_bool(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    parser.add_argument(name, type=_bool, nargs="?", const=True, default=False, help=text)


def _bool(text: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false") from None


def _port(text: str) -> int:
    port = _port_or_off(text)
    if port == 0:
        raise argparse.ArgumentTypeError("0 would leave nothing to listen on")
    return port


def _port_or_off(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)

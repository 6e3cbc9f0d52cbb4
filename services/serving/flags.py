"""Command line flags, named and written as TensorFlow Serving's (tensorflow_model_server --help)."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.serving.status import invalid

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

DESCRIPTION = "Serve SavedModels over TensorFlow Serving's gRPC and REST protocol."


@dataclass(frozen=True)
class Flags:
    """What the command line asks for."""

    port: int
    """TCP port of gRPC; 0 is off, where there is a socket."""
    grpc_socket_path: str
    """UNIX socket of gRPC; empty is off."""
    rest_api_port: int
    """TCP port of REST; 0 is off."""
    rest_api_timeout_in_ms: int
    """Longest a request over REST may take, milliseconds."""
    bind_address: str
    """Interface both ports listen on. Not a flag of TensorFlow Serving, which always takes all of them."""
    model_config_file: str
    """Text-format ModelServerConfig; empty: `model_name` and `model_base_path` name the one model."""
    model_name: str
    model_base_path: str
    model_config_file_poll_wait_seconds: int
    """Between two looks at `model_config_file`; 0: it is read at start only."""
    file_system_poll_wait_seconds: int
    """Between two looks at the base paths; 0: only at start and when the configuration changes."""
    max_num_load_retries: int
    """Further attempts at a version that does not load."""
    load_retry_interval_micros: int
    """Microseconds between two of them."""
    num_request_iterations_for_warmup: int
    """How often each warm-up request is run."""
    allow_version_labels_for_unavailable_models: bool
    """A new label may point to a version that is not available."""
    grpc_max_threads: int
    """Model runs at a time; 0: TensorFlow Serving's measure."""
    grpc_channel_arguments: Mapping[str, int | str]
    """Options of the gRPC server, by gRPC's names."""
    ssl_config_file: str
    """Text-format SSLConfig; empty: gRPC without TLS."""
    allowed_client_names: tuple[str, ...]
    """Names of which a client's certificate has one, or it is refused; none: any that `custom_ca` signed.
    Not a flag of TensorFlow Serving's."""
    enable_grpc_healthcheck_service: bool
    """Answer gRPC's health checking protocol."""
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
    parser.add_argument("--port", type=_port_or_off, default=8500, help="TCP port of gRPC; 0 is off")
    parser.add_argument("--grpc_socket_path", help="UNIX socket of gRPC")
    parser.add_argument("--rest_api_port", type=_port_or_off, default=0, help="TCP port of REST; 0 is off")
    _add_count(parser, "--rest_api_timeout_in_ms", 30_000, "longest a request over REST may take")
    parser.add_argument("--bind_address", default="0.0.0.0", help="interface to listen on")  # noqa: S104 - as upstream
    parser.add_argument("--model_config_file", help="text-format ModelServerConfig")
    parser.add_argument("--model_name", default="default", help="name of the one model")
    parser.add_argument("--model_base_path", help="folder of its versions")
    _add_count(parser, "--model_config_file_poll_wait_seconds", 0, "between two looks at it; 0 is never")
    _add_count(
        parser, "--file_system_poll_wait_seconds", 1, "between two looks at the base paths; 0 is never"
    )
    _add_count(parser, "--max_num_load_retries", 5, "further attempts at a version that does not load")
    _add_count(parser, "--load_retry_interval_micros", 60_000_000, "between two of them")
    _add_count(parser, "--num_request_iterations_for_warmup", 1, "how often each warm-up request is run")
    _add_bool(parser, "--allow_version_labels_for_unavailable_models", "new labels may point to them")
    _add_count(parser, "--grpc_max_threads", 0, "model runs at a time; 0 is four a CPU")
    parser.add_argument(
        "--grpc_channel_arguments", type=_channel_arguments, default={}, help="comma-separated name=value"
    )
    parser.add_argument("--ssl_config_file", help="text-format SSLConfig: gRPC over TLS")
    parser.add_argument(
        "--allowed_client_names", type=_names, default=(), help="comma-separated: whose certificates may call"
    )
    _add_bool(parser, "--enable_grpc_healthcheck_service", "answer gRPC health checks")
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
    if asked.port == 0 and not asked.grpc_socket_path:
        raise invalid(
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set."
        )
    if asked.allowed_client_names and not asked.ssl_config_file:
        raise invalid(
            "--allowed_client_names needs --ssl_config_file: without TLS nobody shows a certificate."
        )
    if asked.allowed_client_names and asked.rest_api_port and asked.bind_address not in _LOOPBACK:
        raise invalid(
            "--allowed_client_names does not hold for --rest_api_port, where nobody shows a certificate: "
            "--bind_address=127.0.0.1, or no REST."
        )
    if asked.batching_parameters_file and not asked.enable_batching:
        raise invalid(
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true."
        )


def _names(text: str) -> tuple[str, ...]:
    names = tuple(filter(None, map(str.strip, text.split(","))))
    if not names:
        raise argparse.ArgumentTypeError("names nobody: leave it out to let in whoever has a certificate")
    return names


def _add_bool(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    parser.add_argument(name, type=_bool, nargs="?", const=True, default=False, help=text)


def _add_count(parser: argparse.ArgumentParser, name: str, default: int, text: str) -> None:
    parser.add_argument(name, type=_count, default=default, help=text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _channel_arguments(text: str) -> dict[str, int | str]:
    found: dict[str, int | str] = {}
    for argument in filter(None, text.split(",")):
        name, equals, value = argument.partition("=")
        if not name or not equals:
            raise argparse.ArgumentTypeError(f"{argument!r} is not name=value")
        # gRPC knows these two types; what reads as a number is one, as upstream.
        found[name] = int(value) if re.fullmatch("-?[0-9]{1,9}", value) else value
    return found


def _bool(text: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false") from None


def _port_or_off(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)

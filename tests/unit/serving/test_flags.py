import pytest

from services.serving import flags
from services.serving.status import StatusError


def test_values_by_equals_sign_and_by_space():
    asked = flags.parse(
        ["--port=8600", "--rest_api_port", "8601", "--model_name", "gru", "--model_base_path=/m/gru"]
    )
    assert (asked.port, asked.rest_api_port) == (8600, 8601)
    assert (asked.model_name, asked.model_base_path, asked.model_config_file) == ("gru", "/m/gru", "")


def test_defaults_are_tensorflow_servings():
    asked = flags.parse([])
    assert (asked.port, asked.rest_api_port, asked.bind_address) == (8500, 0, "0.0.0.0")
    assert asked.model_name == "default"
    assert not asked.enable_serialization_as_tensor_content
    assert (asked.file_system_poll_wait_seconds, asked.model_config_file_poll_wait_seconds) == (1, 0)
    assert (asked.max_num_load_retries, asked.load_retry_interval_micros) == (5, 60_000_000)
    assert not asked.enable_grpc_healthcheck_service


@pytest.mark.parametrize(
    ("given", "meant"),
    [([""], True), (["=true"], True), (["=1"], True), (["=False"], False), (["=0"], False)],
)
def test_a_bool_may_stand_alone(given, meant):
    arguments = [f"--enable_serialization_as_tensor_content{value}" for value in given]
    assert (
        flags.parse([*arguments, "--xla_cpu_compilation_enabled"]).enable_serialization_as_tensor_content
        is meant
    )


def test_unknown_flags_are_kept_for_the_report():
    asked = flags.parse(["--tensorflow_session_parallelism=4", "--port=8600", "--model_nam=x", "stray"])
    assert asked.unknown == ("--tensorflow_session_parallelism=4", "--model_nam=x", "stray")
    assert asked.port == 8600


@pytest.mark.parametrize(
    "argument",
    [
        "--port=65536",
        "--port=many",
        "--rest_api_port=-1",
        "--file_system_poll_wait_seconds=-1",
        "--grpc_max_threads=some",
        "--grpc_channel_arguments=grpc.max_connection_age_ms",
        "--enable_serialization_as_tensor_content=perhaps",
    ],
)
def test_a_value_of_the_wrong_type_ends_the_process(argument, capsys):
    with pytest.raises(SystemExit, match="2"):
        flags.parse([argument])
    assert argument.split("=")[0] in capsys.readouterr().err


def test_batching_parameters_need_batching():
    file = "--batching_parameters_file=/b.config"
    flags.check(flags.parse([file, "--enable_batching"]))
    with pytest.raises(StatusError, match="batching_parameters_file is set without setting"):
        flags.check(flags.parse([file]))


def test_something_must_be_listened_on():
    flags.check(flags.parse(["--port=0", "--grpc_socket_path=/run/s"]))
    with pytest.raises(StatusError, match="At least one of"):
        flags.check(flags.parse(["--port=0"]))


def test_names_of_clients_need_tls():
    names = "--allowed_client_names=gateway.internal, edge.internal,"
    asked = flags.parse([names, "--ssl_config_file=/ssl.config"])
    flags.check(asked)
    assert asked.allowed_client_names == ("gateway.internal", "edge.internal")
    with pytest.raises(StatusError, match="needs --ssl_config_file"):
        flags.check(flags.parse([names]))
    rest = [names, "--ssl_config_file=/ssl.config", "--rest_api_port=8501"]
    with pytest.raises(StatusError, match="does not hold for --rest_api_port"):
        flags.check(flags.parse(rest))
    flags.check(flags.parse([*rest, "--bind_address=127.0.0.1"]))


@pytest.mark.parametrize("nobody", ["", ",", " , "])
def test_an_empty_list_of_names_lets_in_nobody_by_mistake(nobody, capsys):
    with pytest.raises(SystemExit, match="2"):
        flags.parse([f"--allowed_client_names={nobody}"])
    assert "names nobody" in capsys.readouterr().err


def test_channel_arguments_are_numbers_or_text():
    asked = flags.parse(
        ["--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb"]
    )
    assert asked.grpc_channel_arguments == {
        "grpc.max_connection_age_ms": 2000,
        "grpc.lb_policy_name": "grpclb",
    }

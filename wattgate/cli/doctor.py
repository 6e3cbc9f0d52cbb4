"""`wattgate doctor`: what of the way to a forecast works, and what to do about the rest."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, cast
from urllib.parse import urlsplit

import grpc
import httpx
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wattgate import __version__
from wattgate.cli.connection import CaFile, Gateway, Server, find_gateway
from wattgate.cli.failures import Exit, code_of
from wattgate.client import ModelList, rpc
from wattgate.client.wires import Trust
from wattgate.errors import Refused, WattgateError
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

_TIMEOUT_S = 5.0
_FEW_DAYS = 14
_CLOCKS_MAY_PART_S = 30
"""That gateways put up with in tokens."""
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True)
class Finding:
    """What was seen of one thing, and what to do about it."""

    name: str
    state: Literal["ok", "warn", "fail"]
    seen: str
    to_do: str = ""
    code: Exit = Exit.FAILED
    """Of the command, where this failed."""


def doctor(server: Server = None, ca_file: CaFile = None) -> None:
    """Look at everything between here and a forecast, and say what to do about what does not work."""
    gateway = find_gateway(server, ca_file)
    table = Table("", "", "seen", "what to do")
    failed = []
    for found in _findings(gateway):
        state = Text(found.state, style=_COLOURS[found.state])
        table.add_row(found.name, state, Text(found.seen), Text(found.to_do))
        if found.state == "fail":
            failed.append(found)
    Console(highlight=False).print(table)
    if failed:
        raise typer.Exit(failed[0].code)


def _findings(gateway: Gateway) -> Iterator[Finding]:
    """What nothing can be said of, as something before it failed, is left out."""
    yield Finding("gateway", "ok", f"{gateway.server}, named by {gateway.named_by}")
    for look in (_reached, _certificate):
        found = look(gateway)
        yield found
        if found.state == "fail":
            return
    with httpx.Client(
        base_url=gateway.server, verify=Trust(gateway.ca_file).tls, timeout=_TIMEOUT_S
    ) as https:
        try:
            ready = https.get("/readyz")
            yield _clock(ready)
            yield _ready(ready)
        except httpx.HTTPError as error:
            yield Finding("ready", "fail", f"no answer: {error}", "see the gateway's log", Exit.UNREACHABLE)
            return
    found, token, listed = _login(gateway)
    yield found
    yield _grpc(gateway, token)
    if listed is not None:
        yield from _models(listed)


def _reached(gateway: Gateway) -> Finding:
    host, port = _address(gateway)
    try:
        socket.create_connection((host, port), _TIMEOUT_S).close()
    except OSError as error:
        return Finding(
            "reached",
            "fail",
            f"{host}:{port}: {error.strerror or error}",
            "is the name right, and the gateway running? A firewall or a proxy may be between",
            Exit.UNREACHABLE,
        )
    return Finding("reached", "ok", f"{host}:{port} takes connections")


def _address(gateway: Gateway) -> tuple[str, int]:
    url = urlsplit(gateway.server)
    return url.hostname or "", url.port or 443


def _certificate(gateway: Gateway) -> Finding:
    host, port = _address(gateway)
    trust = gateway.ca_file or "the system's authorities"
    try:
        with (
            socket.create_connection((host, port), _TIMEOUT_S) as plain,
            Trust(gateway.ca_file).tls.wrap_socket(plain, server_hostname=host) as tls,
        ):
            until = ssl.cert_time_to_seconds(str((tls.getpeercert() or {})["notAfter"]))
    except ssl.SSLCertVerificationError as error:
        return Finding(
            "certificate", "fail", f"{error.verify_message} (by {trust})", _amends(error), Exit.UNREACHABLE
        )
    except OSError as error:
        return Finding(
            "certificate", "fail", f"no TLS: {error}", "is this the port of its HTTPS edge?", Exit.UNREACHABLE
        )
    days = (datetime.fromtimestamp(until, UTC) - datetime.now(UTC)).days
    if days < _FEW_DAYS:
        return Finding("certificate", "warn", f"good for {days} more days", "its operator has to renew it")
    return Finding("certificate", "ok", f"for {host}, by {trust}, good for {days} more days")


def _amends(error: ssl.SSLCertVerificationError) -> str:
    if "ostname" in error.verify_message or "IP address" in error.verify_message:
        return "name it as its certificate does"
    if "expired" in error.verify_message:
        return "its operator has to renew it; or is this machine's clock wrong?"
    return "name the certificate of the authority that signed it: --ca-file, WATTGATE_CA_FILE"


def _clock(response: httpx.Response) -> Finding:
    try:
        theirs = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return Finding("clock", "warn", "the gateway does not tell the time", "is a proxy between?")
    apart_s = abs((datetime.now(UTC) - theirs).total_seconds())
    if apart_s > _CLOCKS_MAY_PART_S:
        return Finding(
            "clock",
            "warn",
            f"{apart_s:,.0f} s from the gateway's: logins seem to end too early or too late",
            "set one of the two: timedatectl",
        )
    return Finding("clock", "ok", f"within {max(apart_s, 1):.0f} s of the gateway's")


def _ready(response: httpx.Response) -> Finding:
    try:
        models: dict[str, str] = response.json()["models"]
    except (ValueError, LookupError, TypeError):
        return Finding(
            "ready", "fail", f"{response.status_code}, and not a gateway's words", "is the address right?"
        )
    if response.is_success:
        return Finding("ready", "ok", f"{', '.join(models)} answer")
    wrong = "; ".join(f"{name}: {said}" for name, said in models.items() if said != "available")
    return Finding(
        "ready", "warn", wrong or "the gateway is stopping", "wait a moment; else see the model server's log"
    )


def _login(gateway: Gateway) -> tuple[Finding, str | None, ModelList | None]:
    """With the token to go on with, and what it lets see."""
    again = f"wattgate login --server {gateway.server}"
    if gateway.password is None and gateway.token is None:
        seen = "the login has run out" if gateway.login else "nobody is logged in"
        return Finding("login", "fail", seen, again, Exit.LOGIN), None, None
    try:
        with gateway.client(timeout_s=_TIMEOUT_S) as client:
            token = client.login().access_token if gateway.password else gateway.token
            listed = client.models()
    except WattgateError as error:
        to_do = "its operator gives scopes" if isinstance(error, Refused) else again
        return Finding("login", "fail", str(error), to_do, code_of(error)), None, None
    if gateway.password:
        seen = f"as {gateway.password[0]}"
    elif gateway.login:
        left_s = (gateway.login.until - datetime.now(UTC)).total_seconds()
        seen = f"as {gateway.login.username}, for {left_s / 60:.0f} more minutes"
    else:
        seen = "by the token in WATTGATE_TOKEN"
    return Finding("login", "ok", seen), token, listed


def _grpc(gateway: Gateway, token: str | None) -> Finding:
    roots = Trust(gateway.ca_file).roots
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.secure_channel(gateway.grpc, grpc.ssl_channel_credentials(roots)) as channel:
        try:
            ForecastServiceStub(channel).ListModels(
                pb.ListModelsRequest(), timeout=_TIMEOUT_S, metadata=metadata
            )
        except grpc.RpcError as error:
            failed = cast(rpc.FailedCall, error)
            if failed.code() is grpc.StatusCode.UNAUTHENTICATED and token is None:
                return Finding("gRPC", "ok", f"{gateway.grpc} answers, and asks for a login")
            return Finding(
                "gRPC",
                "warn",
                str(rpc.failure(failed, gateway.grpc)),
                "only --grpc needs it; where it is elsewhere: WATTGATE_GRPC, or grpc in the config file",
            )
    return Finding("gRPC", "ok", f"{gateway.grpc} answers")


def _models(listed: ModelList) -> Iterator[Finding]:
    alike = listed.gateway_version == __version__
    yield Finding(
        "versions",
        "ok" if alike else "warn",
        f"client {__version__}, gateway {listed.gateway_version}",
        "" if alike else "install the client of the gateway's version",
    )
    for model in listed:
        name = f"{model.name} (default)" if model.name == listed.default_model else model.name
        if model.available:
            seen = f"{name}, version {model.version}: {model.window} steps in, {model.horizon} out"
            yield Finding("model", "ok", seen)
        else:
            yield Finding("model", "fail", f"{name}: {model.reason}", "see the model server's log")

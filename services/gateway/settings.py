"""Everything the gateway can be told, each by an environment variable GATEWAY_<NAME>."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    IPvAnyNetwork,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.gateway.policy import Scope
from services.gateway.secret_files import read_secret

TFSERVING: Final = "tfserving"
BENTOML: Final = "bentoml"

_BENTO_URL = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:[0-9]{1,5})?/?")

Port = Annotated[int, Field(ge=1, le=65535)]


_HttpsUrl = Annotated[str, Field(pattern=r"^https://[^\s/?#]+(/[^\s?#]*)?$")]


class TrustedIssuer(BaseModel):
    """An identity provider whose access tokens count here: Microsoft Entra ID, Keycloak, any that publishes
    its keys as OpenID Connect has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    issuer: _HttpsUrl
    """Its name, exactly as its tokens have it in `iss`."""
    audience: Annotated[str, Field(min_length=1)]
    """The name it knows this gateway by, in `aud`."""
    scopes: dict[str, tuple[Scope, ...]]
    """What each of its scopes, roles or groups may do here; those not named may do nothing."""
    claims: tuple[str, ...] = ("scope", "scp", "roles")
    """The claims that these are in, with dots for nested ones: realm_access.roles."""
    jwks_url: _HttpsUrl | None = None
    """Where its keys are; none: it is asked, by OpenID Connect Discovery."""
    ca: FilePath | None = None
    """PEM of the authority that signed its certificate; none: those the machine trusts."""


class StartError(Exception):
    """The gateway cannot start as it is set up; the message says what to mend."""


class Settings(BaseSettings):
    """Read once in `__main__`, then passed down; no other module looks at the environment."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True, use_attribute_docstrings=True)

    bind_address: str = "127.0.0.1"
    """Address both ports listen on; 0.0.0.0 for all."""
    https_port: Port = 8443
    """Port of the HTTPS edge."""
    grpc_port: Port = 8444
    """Port of the gRPC edge."""
    tls_certificate: FilePath
    """PEM chain of both ports, the server's own certificate first."""
    tls_key: FilePath
    """PEM private key of the certificate, which not everybody may read."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which HTTPS callers may call it beside localhost and those in the certificate, as a JSON list;
    *.example.org for all names one below. Probes by address need it here, or a Host header."""

    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Addresses and networks of reverse proxies, as a JSON list, whose word on a caller's address counts
    (X-Forwarded-For, from the right); of nobody else it does. It is what failed logins are counted by, so no
    caller may have an address among these."""

    workers: PositiveInt = 1
    """Processes that share the ports. The limits below are those of all of them together."""
    worker: NonNegativeInt | None = None
    """Which of them this one is; set by the process that starts them."""

    token_key: Path
    """PEM private key (EC, P-256) that signs tokens and whose public half verifies them, or a folder of
    such keys (`*.pem`): all verify, the last by name signs."""
    token_issuer: str = "wattgate"  # noqa: S105 - a name, not a secret
    """The name it gives itself in its tokens, in `iss`."""
    token_audience: str = "wattgate"  # noqa: S105 - a name, not a secret
    """Whom its tokens are for, in `aud`: alike on all gateways that are to take each other's."""
    token_lifetime_s: Annotated[int, Field(ge=1, le=3600)] = 900
    """How long an access token is good."""
    trusted_issuers: tuple[TrustedIssuer, ...] = ()
    """Identity providers whose tokens count beside ours, as a JSON list of objects."""
    password_grant: bool = True
    """Whether users get tokens for name and password, as in the thesis. RFC 9700 advises against it: turn it
    off where only programs call, with `client_credentials`."""

    password_pepper: FilePath | None = None
    """A secret of 32 bytes or more that goes into password hashes, so that the database alone is no use to
    whoever steals it; none: the password alone."""
    password_pepper_before: FilePath | None = None
    """The one before, while there are hashes of it: each is made anew at its user's next login."""

    database_url: str
    """User table: sqlite:///path/users.db or postgresql://user:password@host/database."""
    database_url_file: Path | None = None
    """A file that has the URL, as it may have a password in it; instead of the above."""
    replicas: PositiveInt = 1
    """Gateways that stand side by side on several machines, this one with them: they share their users, so
    above 1 SQLite is refused. The workers of one gateway count as one."""

    engine: Literal["tfserving", "triton", "bentoml"] = TFSERVING
    """What the models run on. tfserving: TensorFlow Serving, stock or embedded. triton: any server of the
    Open Inference Protocol over gRPC (Triton, KServe, MLServer). bentoml: services/bento, over HTTP."""
    model_server: str = "localhost:8500"
    """gRPC targets of the model servers, with commas between: host:port, dns:///host:port, unix:path. Of
    BentoML the one URL."""
    model_server_ca: FilePath | None = None
    """PEM of the one authority that signs the model servers' certificates; none: no TLS."""
    model_server_certificate: FilePath | None = None
    """PEM chain shown to model servers that ask for one."""
    model_server_key: FilePath | None = None
    """PEM private key of that certificate."""
    models: tuple[str, ...] = ("cnn", "gru")
    """Names of the models served, as a JSON list."""
    default_model: str = "cnn"
    """Model of `POST /predict`, which names none."""
    model_poll_s: PositiveFloat = 2.0
    """How often the model server is asked for its versions and each model's known request."""

    canary_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the callers who are answered by the version labelled `canary`, where there is one: always the
    same ones. What it cannot answer the version labelled `stable` does."""
    canary_max_difference: PositiveFloat = 0.5
    """Median difference of its forecasts from the stable version's, in standard deviations of the load, above
    which it is given up."""

    timeout_s: PositiveFloat = 3.0
    """Longest a forecast may take (the thesis' NFR1); a caller's shorter deadline wins."""
    backtest_timeout_s: PositiveFloat = 60.0
    """Longest a backtest of a whole file may take."""
    forecasts_per_minute: PositiveInt = 60_000
    """How many each caller may have, over both edges: those of a minute at once, then as they grow back.
    Calls above get a 429; streams wait."""
    max_in_flight: PositiveInt = 8
    """Forecasts at work at a time; no more than the model servers run (stock: four a CPU)."""
    max_queued: NonNegativeInt = 64
    """Forecasts that wait for one of those places; further ones are refused at once."""
    max_queue_s: PositiveFloat = 1.0
    """Longest a forecast waits for a place before it is refused."""
    shutdown_delay_s: NonNegativeFloat = 0.0
    """How long after SIGTERM new calls are still taken while readiness says no: as long as load balancers
    take to notice."""
    drain_s: PositiveFloat = 10.0
    """How long calls in flight may go on after that."""
    client_timeout_s: PositiveFloat = 10.0
    """How long a client may take over a TLS handshake, a request's head, and each 10 KiB of an upload."""
    upload_timeout_s: PositiveFloat = 120.0
    """How long it may take over a whole upload: 10 MiB at 0.7 Mbit/s."""
    max_connections: PositiveInt = 1000
    """Connections held at a time on each of the two ports; those above are closed at once."""
    max_upload_bytes: PositiveInt = 10 * 1024 * 1024
    """Largest upload of a meter file or series."""
    max_predict_bytes: PositiveInt = 1024 * 1024
    """Largest request of TensorFlow Serving's Predict: 32 windows of a week take 0.6 MiB. A message made of
    nothing but empty parts takes up to 0.3 s a MiB to read."""

    log_format: Literal["json", "text"] | None = None
    """Form of the log's lines; by default text on a terminal, JSON elsewhere."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Where /metrics is answered, over plain HTTP and to anybody; worker n of several answers n ports above.
    0: nowhere."""
    metrics_address: str = "127.0.0.1"
    """Address that port listens on."""
    docs: bool = False
    """Whether /docs and /openapi.json are served; for development."""

    @model_validator(mode="before")
    @classmethod
    def _database_url_is_read(cls, given: dict[str, Any]) -> dict[str, Any]:
        if (file := given.get("database_url_file")) is None:
            return given
        if "database_url" in given:
            raise ValueError("database_url and database_url_file say the same: name one")
        try:
            return {**given, "database_url": read_secret(Path(file)).decode().strip()}
        except OSError as error:
            raise ValueError(f"database_url_file cannot be read: {error}") from error

    @property
    def model_servers(self) -> tuple[str, ...]:
        """The targets, one by one."""
        return tuple(filter(None, map(str.strip, self.model_server.split(","))))

    @model_validator(mode="after")
    def _model_servers_are_named(self) -> Self:
        if not self.model_servers:
            raise ValueError("model_server names no target")
        if (self.model_server_certificate is None) != (self.model_server_key is None):
            raise ValueError("model_server_certificate and model_server_key go together")
        if self.model_server_certificate and not self.model_server_ca:
            raise ValueError("model_server_certificate is shown over TLS only: name model_server_ca")
        is_url = self.model_server.startswith(("http://", "https://"))
        if (self.engine == BENTOML) != is_url:
            raise ValueError("model_server is a URL where engine is bentoml, and nowhere else")
        if is_url and not _BENTO_URL.fullmatch(self.model_server):
            raise ValueError("model_server is one URL like https://bento:3000, with nothing else in it")
        if is_url and self.model_server_ca and not self.model_server.startswith("https:"):
            raise ValueError("model_server_ca is for TLS: model_server begins with https")
        return self

    @model_validator(mode="after")
    def _replicas_share_their_users(self) -> Self:
        if self.replicas > 1 and self.database_url.startswith("sqlite:"):
            raise ValueError(
                f"database_url is SQLite, which is for one machine: {self.replicas} replicas need PostgreSQL"
            )
        return self

    @model_validator(mode="after")
    def _issuers_are_told_apart(self) -> Self:
        names = [self.token_issuer, *(trusted.issuer for trusted in self.trusted_issuers)]
        if len(set(names)) < len(names):
            raise ValueError("trusted_issuers names an issuer twice, or this gateway")
        return self

    @model_validator(mode="after")
    def _default_model_is_served(self) -> Self:
        if self.default_model not in self.models:
            raise ValueError(f"default_model {self.default_model!r} is not among the models")
        return self

"""Everything the gateway can be told, each by an environment variable GATEWAY_<NAME>."""

from typing import Annotated, Self

from pydantic import Field, FilePath, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """Read once in `__main__`, then passed down; no other module looks at the environment."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True)

    bind_address: str = "127.0.0.1"
    """Address both ports listen on; 0.0.0.0 for all."""
    https_port: Port = 8443
    grpc_port: Port = 8444
    tls_certificate: FilePath
    """PEM chain of both ports, the server's own certificate first."""
    tls_key: FilePath
    """PEM private key of the certificate."""

    token_key: FilePath
    """PEM private key (EC, P-256) that signs tokens and whose public half verifies them."""
    token_issuer: str = "wattgate"  # noqa: S105 - a name, not a secret
    token_audience: str = "wattgate"  # noqa: S105 - a name, not a secret
    token_lifetime_s: PositiveInt = 900

    database_url: str
    """User table: sqlite:///path/users.db or postgresql://user:password@host/database."""

    model_server: str = "localhost:8500"
    """gRPC target of the model server."""
    models: tuple[str, ...] = ("cnn", "gru")
    """Names of the models served, as a JSON list."""
    default_model: str = "cnn"
    """Model of `POST /predict`, which names none."""
    model_poll_s: PositiveFloat = 2.0
    """How often the model server is asked for its versions and each model's known request."""

    timeout_s: PositiveFloat = 3.0
    """Longest a forecast may take (the thesis' NFR1); a caller's shorter deadline wins."""
    drain_s: PositiveFloat = 10.0
    """How long calls in flight may go on after SIGTERM."""
    max_upload_bytes: PositiveInt = 10 * 1024 * 1024
    docs: bool = False
    """Whether /docs and /openapi.json are served; for development."""

    @model_validator(mode="after")
    def _default_model_is_served(self) -> Self:
        if self.default_model not in self.models:
            raise ValueError(f"default_model {self.default_model!r} is not among the models")
        return self

"""An identity provider as a process of its own: what it publishes over HTTPS, and the tokens it gives.

Its claims are as Keycloak's and Microsoft Entra ID's: RS256, `typ` JWT, roles and scopes of its own names.
"""

import json
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from fastapi.responses import JSONResponse, RedirectResponse

from services.gateway.tokens import LEEWAY_S
from services.local.home import Home
from services.local.pair import HOST
from services.local.ports import free_ports

REALM = "/realms/plant"
AUDIENCE = "wattgate-api"
SCOPES = {"Forecasts.Read": ["forecast"], "planner": ["forecast", "models:read"]}
"""What its scopes and roles may do at the gateway."""
_DAY_S = 86_400


class IdentityProvider:
    """Keys that can be changed, and tokens for whoever a test likes."""

    def __init__(self, home: Home, folder: Path) -> None:
        self._home, self._folder = home, folder
        self.port = free_ports().https
        self.issuer = f"https://localhost:{self.port}{REALM}"
        self.trust = {
            "issuer": self.issuer,
            "audience": AUDIENCE,
            "scopes": SCOPES,
            "claims": ["scp", "realm_access.roles"],
            "ca": str(home.ca_file),
        }
        """Of the gateway's setting."""
        self.keys: dict[str, Any] = {}
        self.publish(first=rsa.generate_private_key(65537, 2048))

    def publish(self, **keys: Any) -> None:
        """These keys, by `kid`, and no others; they count at the next request."""
        self.keys = keys
        (self._folder / "jwks.json").write_text(json.dumps({"keys": [*map(self._jwk, keys)]}))

    def _jwk(self, kid: str) -> dict[str, Any]:
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self.keys[kid].public_key(), as_dict=True)
        return {**jwk, "kid": kid, "use": "sig", "alg": "RS256"}

    @property
    def asked(self) -> int:
        """How often its keys were fetched."""
        context = ssl.create_default_context(cafile=self._home.ca_file)
        return int(httpx.get(f"https://localhost:{self.port}/asked", verify=context).text)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", __name__, str(self._folder), str(self.port)]
        files = [str(self._home.certificate), str(self._home.key)]
        self._process = subprocess.Popen([*command, *files])
        deadline = time.monotonic() + 20
        while True:
            try:
                assert self.asked >= 0
                return self
            except httpx.TransportError:
                assert time.monotonic() < deadline
                assert self._process.poll() is None
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def token(
        self,
        *,
        key: Any = None,
        algorithm: str = "RS256",
        header: dict[str, Any] | None = None,
        without: tuple[str, ...] = (),
        **changes: Any,
    ) -> str:
        """A planner's access token, right in all but what is changed."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "9f8b",
            "aud": [AUDIENCE, "account"],
            "exp": now + 300,
            "iat": now,
            "typ": "Bearer",
            "azp": "planning-tool",
            "realm_access": {"roles": ["planner", "offline_access"]},
            **changes,
        }
        for name in without:
            del claims[name]
        kid, known = next(iter(self.keys.items()))
        return jwt.PyJWS().encode(
            json.dumps(claims).encode(),
            key or known,
            algorithm=algorithm,
            headers={"kid": kid, "typ": "JWT", **(header or {})},
        )

    def bad(self) -> dict[str, Callable[[], str]]:
        """Tokens that must be refused though their issuer is trusted."""
        token, other = self.token, rsa.generate_private_key(65537, 2048)
        public = next(iter(self.keys.values())).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        unsigned = ".".join([*token().split(".")[:2], ""])
        return {
            "another key": partial(token, key=other),
            "another algorithm's key": partial(
                token, key=ec.generate_private_key(ec.SECP256R1()), algorithm="ES256"
            ),
            "an algorithm its key is not for": partial(token, algorithm="PS256"),
            "a longer hash": partial(token, algorithm="RS512"),
            "public key as a secret": lambda: _hmac_signed(token(), pem),
            "no signature": lambda: unsigned,
            "alg none": lambda: _with_header(unsigned, {"alg": "none", "kid": "first"}),
            "unknown kid": partial(token, header={"kid": "other"}),
            "no kid": lambda: _with_header(token(), {"alg": "RS256", "typ": "JWT"}),
            "critical": partial(token, header={"crit": ["x"], "x": 1}),
            "typ of an ID token": partial(token, header={"typ": "id+jwt"}),
            "another audience": partial(token, aud="account"),
            "an issuer's prefix": partial(token, iss=self.issuer[:-1]),
            "this gateway's name": partial(token, iss="wattgate"),
            **{f"no {name}": partial(token, without=(name,)) for name in ("iss", "sub", "aud", "exp", "iat")},
            "expired": partial(token, exp=int(time.time()) - LEEWAY_S - 2, iat=int(time.time()) - 900),
            "valid for a week": partial(token, exp=int(time.time()) + 7 * _DAY_S),
            "expiry in a string": partial(token, exp=str(int(time.time()) + 300)),
            "issued tomorrow": partial(
                token, iat=int(time.time()) + _DAY_S, exp=int(time.time()) + _DAY_S + 9
            ),
            "not yet valid": partial(token, nbf=int(time.time()) + LEEWAY_S + 60),
            "subject a number": partial(token, sub=9),
            "subject empty": partial(token, sub=""),
            "subject endless": partial(token, sub="x" * 256),
            "Keycloak's ID token": partial(token, typ="ID"),
            "Keycloak's refresh token": partial(token, typ="Refresh"),
            "Cognito's ID token": partial(token, token_use="id"),
            "ID token by its hash": partial(token, at_hash="x"),
            "ID token by its nonce": partial(token, nonce="x"),
            "logout token": partial(token, events={"http://schemas.openid.net/event/backchannel-logout": {}}),
            "bound to its sender": partial(token, cnf={"jkt": "x"}),
        }


def _with_header(token: str, header: dict[str, Any]) -> str:
    encoded = jwt.utils.base64url_encode(json.dumps(header).encode()).decode()
    return ".".join([encoded, *token.split(".")[1:]])


def _hmac_signed(token: str, secret: bytes) -> str:
    signed = _with_header(token, {"alg": "HS256", "kid": "first", "typ": "JWT"}).rpartition(".")[0]
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = algorithm.sign(signed.encode(), secret)
    return f"{signed}.{jwt.utils.base64url_encode(signature).decode()}"


def _app(folder: Path, port: int) -> FastAPI:
    app = FastAPI()
    issuer = f"https://localhost:{port}{REALM}"
    asked = 0

    @app.get(f"{REALM}/.well-known/openid-configuration")
    async def discovery() -> dict[str, str]:
        return {"issuer": issuer, "jwks_uri": f"{issuer}/certs"}

    @app.get(f"{REALM}/certs")
    async def certs() -> JSONResponse:
        nonlocal asked
        asked += 1
        return JSONResponse(json.loads((folder / "jwks.json").read_text()))

    @app.get("/elsewhere")
    async def elsewhere() -> RedirectResponse:
        return RedirectResponse(f"{issuer}/certs")

    @app.get("/asked")
    async def count() -> int:
        return asked

    @app.get("/realms/false/.well-known/openid-configuration")
    async def false_discovery() -> dict[str, str]:
        """Of somebody who says to be another."""
        return {"issuer": issuer, "jwks_uri": f"{issuer}/certs"}

    return app


if __name__ == "__main__":
    _, _folder, _port, _certificate, _key = sys.argv
    uvicorn.run(
        _app(Path(_folder), int(_port)),
        host=HOST,
        port=int(_port),
        ssl_certfile=_certificate,
        ssl_keyfile=_key,
        log_level="error",
    )

"""A gateway before no model server: what is tested here comes before any forecast."""

from collections.abc import Mapping
from typing import Any

import httpx

from services.local.home import DEMO_USER, Home
from tests.integration.faults.gateways import Gateway


class LoneGateway(Gateway):
    """Alive, never ready."""

    def __init__(self, home: Home, **settings: Any) -> None:
        super().__init__(home, ["127.0.0.1:1"], **settings)
        self.demo_login = {"username": DEMO_USER, "password": home.demo_password.read_text()}

    def wait_until_ready(self) -> None:
        """As far as it goes."""
        self.wait_for("/livez", 200)

    def request(self, method: str, path: str, **content: Any) -> httpx.Response:
        """An answer over HTTPS."""
        return self._http.request(method, path, **content)

    def status(self, headers: Mapping[str, str] | None = None) -> int:
        """What /livez answers."""
        return self._http.get("/livez", headers=headers).status_code

    def say_goodbye(self) -> None:
        """Close the connection it was asked over; the next question opens another."""
        self._http.close()
        self._http = httpx.Client(base_url=self.url, verify=self.trust, timeout=10)

    def whole_log(self) -> str:
        """All it said."""
        return self._log.read_text(errors="replace")

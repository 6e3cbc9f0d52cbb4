"""A renewed certificate is served by a gateway that goes on running, and by both of its ports."""

import ssl
import threading
import time

import httpx
import pytest
from cryptography import x509

from services.local.certificates import write_secret
from services.local.home import Home
from services.local.pair import HOST
from tests.integration.connections.gateways import LoneGateway
from tests.integration.faults.waiting import wait_until
from tests.integration.gateway.certificates import Signed

WITHIN_S = 60


@pytest.fixture
def own_home(tmp_path):
    home = Home(tmp_path)
    home.set_up()
    return home


@pytest.fixture
def authority(own_home):
    authority = Signed.authority("test")
    own_home.ca_file.write_bytes(authority.pem)
    return authority


def put(home: Home, signed: Signed) -> None:
    """As a renewing script does it: one file after the other."""
    home.certificate.write_bytes(signed.pem)
    write_secret(home.key, signed.key)


def shown(gateway: LoneGateway) -> set[int]:
    """Serial numbers of what both ports show to new connections."""
    pems = [ssl.get_server_certificate((HOST, port)) for port in (gateway.https_port, gateway.grpc_port)]
    return {x509.load_pem_x509_certificate(pem.encode()).serial_number for pem in pems}


class Callers:
    """Call over new and over kept connections, until told to stop."""

    def __init__(self, gateway: LoneGateway) -> None:
        self.calls, self.failures = 0, list[Exception]()
        self._stop = threading.Event()
        trust = ssl.create_default_context(cafile=gateway.ca_file)
        self._kept = httpx.Client(verify=trust)

        def over_a_new_connection():
            with httpx.Client(verify=trust) as client:
                client.get(f"{gateway.url}/livez").raise_for_status()

        def over_a_kept_connection():
            self._kept.get(f"{gateway.url}/livez").raise_for_status()

        ways = (over_a_new_connection, over_a_kept_connection, gateway.health)
        self._threads = [threading.Thread(target=self._call, args=(way,)) for way in ways]

    def _call(self, way) -> None:
        while not self._stop.is_set():
            try:
                way()
            except Exception as error:  # noqa: BLE001 - whatever a caller meets
                self.failures.append(error)
            self.calls += 1
            time.sleep(0.02)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._kept.close()


def test_a_renewed_certificate_is_shown_within_a_minute_and_no_call_fails(own_home, authority):
    first, second = authority.sign(), authority.sign()
    put(own_home, first)
    with LoneGateway(own_home) as gateway:
        assert shown(gateway) == {first.certificate.serial_number}
        with Callers(gateway) as callers:
            put(own_home, second)
            wait_until(lambda: shown(gateway) == {second.certificate.serial_number}, WITHIN_S)
        assert callers.calls > 50
        assert callers.failures == []


def test_files_that_do_not_go_together_are_told_to_the_log_and_the_pair_before_stays(own_home, authority):
    good = authority.sign()
    put(own_home, good)
    with LoneGateway(own_home) as gateway:
        own_home.certificate.write_bytes(authority.sign().pem)
        wait_until(lambda: "certificate is not renewed" in gateway.log(), WITHIN_S)
        assert shown(gateway) == {good.certificate.serial_number}
        assert gateway.status() == 200

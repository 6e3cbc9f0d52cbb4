"""A renewed certificate is served by a gateway that goes on running, and by both of its ports."""

import ssl

import httpx
import pytest
from cryptography import x509

from services.local.certificates import write_secret
from services.local.home import Home
from services.local.pair import HOST
from tests.integration.background import Background
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


def callers(gateway: LoneGateway, kept: httpx.Client) -> Background:
    """Calls over new and over kept connections."""

    def over_a_new_connection():
        with httpx.Client(verify=gateway.trust) as client:
            client.get(f"{gateway.url}/livez").raise_for_status()

    def over_a_kept_connection():
        kept.get(f"{gateway.url}/livez").raise_for_status()

    return Background(over_a_new_connection, over_a_kept_connection, gateway.health, pause_s=0.02)


def test_a_renewed_certificate_is_shown_within_a_minute_and_no_call_fails(own_home, authority):
    first, second = authority.sign(), authority.sign()
    put(own_home, first)
    with LoneGateway(own_home) as gateway:
        assert shown(gateway) == {first.certificate.serial_number}
        with httpx.Client(verify=gateway.trust) as kept, callers(gateway, kept) as load:
            put(own_home, second)
            wait_until(lambda: shown(gateway) == {second.certificate.serial_number}, WITHIN_S)
        assert len(load.answers) > 50
        assert load.failures == []


def test_files_that_do_not_go_together_are_told_to_the_log_and_the_pair_before_stays(own_home, authority):
    good = authority.sign()
    put(own_home, good)
    with LoneGateway(own_home) as gateway:
        own_home.certificate.write_bytes(authority.sign().pem)
        wait_until(lambda: "certificate is not renewed" in gateway.log(), WITHIN_S)
        assert shown(gateway) == {good.certificate.serial_number}
        assert gateway.status() == 200

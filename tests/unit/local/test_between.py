"""Certificates between the services are made, kept, renewed in time, and short-lived."""

import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from services.local.authority import Authority, is_for
from services.local.between import AuthorityError, Between, expiry
from services.serving import config_messages
from wattgate.cli import app

MONTH = timedelta(days=30)
HOSTS = ("localhost", "127.0.0.1")


def ensure(between, *, gateway="gateway", hosts=HOSTS, lifetime=MONTH):
    return between.ensure(gateway, hosts, lifetime)


@pytest.fixture
def between(tmp_path):
    between = Between(tmp_path / "certs")
    assert ensure(between) == [between.ca, between.gateway, between.model_server]
    return between


def read(file):
    return x509.load_pem_x509_certificate(file.read_bytes())


def purposes(file):
    return list(read(file).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_each_is_what_it_is_for_and_no_longer_than_asked(between):
    assert is_for(read(between.gateway), ["gateway"])
    assert is_for(read(between.model_server), HOSTS)
    assert purposes(between.gateway) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert purposes(between.model_server) == [ExtendedKeyUsageOID.SERVER_AUTH]
    for file in (between.gateway, between.model_server):
        assert expiry(file) - datetime.now(UTC) <= MONTH
    config = config_messages.read(between.ssl_config, "SSLConfig", secret=True)
    assert config.client_verify
    assert config.server_cert == between.model_server.read_text()
    assert config.custom_ca == between.ca.read_text()


def test_secrets_are_their_owners_alone(between):
    for file in (between.ca_key, between.gateway_key, between.ssl_config):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert between.ca_key.read_text() not in between.ssl_config.read_text()


def test_what_is_good_stays(between):
    before = {file: file.read_bytes() for file in between.folder.iterdir()}
    assert ensure(between) == []
    assert {file: file.read_bytes() for file in between.folder.iterdir()} == before


def test_what_has_less_than_a_third_of_its_life_left_is_renewed_by_the_same_authority(between):
    ca = between.ca.read_bytes()
    assert ensure(between, lifetime=timedelta(days=89)) == []
    assert ensure(between, lifetime=timedelta(days=91)) == [between.gateway, between.model_server]
    assert between.ca.read_bytes() == ca


def test_other_names_are_other_certificates(between):
    assert ensure(between, hosts=(*HOSTS, "model-server-2")) == [between.model_server]
    assert ensure(between, gateway="edge", hosts=(*HOSTS, "model-server-2")) == [between.gateway]


def test_a_foreign_certificate_is_replaced(between, tmp_path):
    other = Between(tmp_path / "other")
    ensure(other)
    between.gateway.write_bytes(other.gateway.read_bytes())
    assert ensure(between) == [between.gateway]


def test_an_authority_about_to_end_is_replaced_with_all_it_signed_and_trusted_until_then(between):
    old = Authority.new("old", timedelta(days=1))
    between.ca.write_bytes(old.pem)
    between.ca_key.write_bytes(old.key_pem)
    assert ensure(between) == [between.ca, between.gateway, between.model_server]
    assert between.ca.read_bytes().endswith(old.pem)
    config = config_messages.read(between.ssl_config, "SSLConfig", secret=True)
    assert config.custom_ca == between.ca.read_text()
    assert ensure(between) == []


@pytest.mark.parametrize("missing", ["ca", "ca_key"])
def test_half_an_authority_is_not_replaced_by_another(between, missing):
    before = between.gateway.read_bytes()
    getattr(between, missing).unlink()
    with pytest.raises(AuthorityError, match="bring it back"):
        ensure(between)
    assert between.gateway.read_bytes() == before


@pytest.mark.parametrize("secret", ["gateway_key", "ssl_config"])
@pytest.mark.parametrize("fault", ["gone", "another's", "cut off"])
def test_a_certificate_without_its_key_is_made_anew(between, tmp_path, secret, fault):
    file = getattr(between, secret)
    if fault == "gone":
        file.unlink()
    elif fault == "another's":
        other = Between(tmp_path / "other")
        ensure(other)
        file.write_bytes(getattr(other, secret).read_bytes())
    else:
        file.write_bytes(file.read_bytes()[:40])
    assert ensure(between) == [between.gateway if secret == "gateway_key" else between.model_server]
    assert ensure(between) == []


def test_a_damaged_certificate_is_made_anew(between):
    between.model_server.write_text("no certificate")
    assert ensure(between) == [between.model_server]


def test_an_address_may_be_written_in_any_way(between):
    hosts = ("0:0:0:0:0:0:0:1", "h" * 63 + ".example")
    assert ensure(between, hosts=hosts) == [between.model_server]
    assert ensure(between, hosts=hosts) == []


def test_a_name_that_no_certificate_can_have_is_said(tmp_path):
    refused = CliRunner().invoke(app, ["certs", f"--out={tmp_path}", "--model-server=ms_\u00fc"])
    assert refused.exit_code == 1
    assert "Not done" in refused.output


def test_the_command_says_what_it_did_and_what_to_do(tmp_path):
    out = f"--out={tmp_path}"
    first = CliRunner().invoke(app, ["certs", out])
    assert first.exit_code == 0
    assert f"GATEWAY_MODEL_SERVER_CA={tmp_path}/ca.pem" in first.output
    assert "--allowed_client_names=gateway.wattgate.internal" in first.output
    second = CliRunner().invoke(app, ["certs", out])
    assert second.output.count("kept") == 3
    (tmp_path / "ca.key").write_text("no key")
    third = CliRunner().invoke(app, ["certs", out])
    assert third.exit_code == 1
    assert "are no authority" in third.output

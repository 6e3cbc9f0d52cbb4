"""What the containers need is made once, readable by whoever needs it alone, and what is not ours stays."""

import os
import stat
from datetime import timedelta

import pytest
from cryptography import x509

from services.gateway.secret_files import read_secret
from services.local import certificates
from services.local.authority import SERVER, Authority, is_for
from services.local.containers import ensure, hand_over

SECRETS = {
    "tls_key.pem",
    "token_key.pem",
    "password_pepper",
    "database_passfile",
    "database_password",
    "database_admin_password",
    "grafana_password",
}


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def certificate(folder):
    return x509.load_pem_x509_certificate((folder / "tls_certificate.pem").read_bytes())


def test_all_is_made_on_first_use_and_kept_after(tmp_path):
    assert set(ensure(tmp_path)) == {"ca.pem", "tls_certificate.pem", *SECRETS}
    before = contents(tmp_path)
    assert ensure(tmp_path) == []
    assert contents(tmp_path) == before


def test_no_two_have_the_same_secrets(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        ensure(folder)
    assert all(contents(one)[name] != contents(other)[name] for name in SECRETS)


def test_secrets_are_their_owners_alone_and_the_gateway_takes_them(tmp_path):
    ensure(tmp_path)
    for name in SECRETS:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert len(read_secret(tmp_path / name)) >= 32
    password = (tmp_path / "database_password").read_text()
    assert (tmp_path / "database_passfile").read_text() == f"*:*:*:*:{password}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_each_is_given_to_the_user_who_reads_it(tmp_path):
    ensure(tmp_path)
    hand_over(tmp_path)
    owners = {name: (tmp_path / name).stat().st_uid for name in SECRETS}
    assert owners.pop("database_password") == owners.pop("database_admin_password") == 999
    assert owners.pop("grafana_password") == 472
    assert set(owners.values()) == {10001}


def test_the_certificate_is_for_further_names_once_they_are_told(tmp_path):
    ensure(tmp_path)
    names = ["localhost", "127.0.0.1", "::1", "gateway.example", "192.0.2.7"]
    made = ensure(tmp_path, ["gateway.example", "192.0.2.7"])
    assert set(made) == {"ca.pem", "tls_certificate.pem", "tls_key.pem"}
    assert is_for(certificate(tmp_path), names)
    assert ensure(tmp_path) == []


def test_one_of_ours_is_renewed_before_it_ends(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(certificates, "_LIFETIME", timedelta(days=6))
        ensure(tmp_path)
    assert "tls_certificate.pem" in ensure(tmp_path)


@pytest.mark.parametrize("with_authority", [True, False])
def test_one_of_another_authority_stays_however_old(tmp_path, with_authority):
    authority = Authority.new("Some authority", timedelta(days=1))
    issued = authority.sign(["gateway.example"], SERVER, timedelta(days=1))
    (tmp_path / "tls_certificate.pem").write_bytes(issued.pem)
    (tmp_path / "tls_key.pem").write_bytes(issued.key_pem)
    if with_authority:
        (tmp_path / "ca.pem").write_bytes(authority.pem)
    assert not {"tls_certificate.pem", "tls_key.pem"} & set(ensure(tmp_path))
    assert certificate(tmp_path) == issued.certificate

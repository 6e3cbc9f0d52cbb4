"""A certificate is replaced by a good one alone, and half a change is none."""

import logging

import pytest

from services.gateway.settings import StartError
from services.gateway.tls import Certificates
from services.local.certificates import write_secret
from tests.integration.gateway.certificates import Signed


@pytest.fixture(scope="module")
def authority():
    return Signed.authority("test")


@pytest.fixture
def files(tmp_path, authority):
    files = tmp_path / "own.pem", tmp_path / "own.key"
    put(files, authority.sign())
    return files


def put(files, signed):
    files[0].write_bytes(signed.pem)
    write_secret(files[1], signed.key)


def test_a_new_pair_is_taken_and_the_same_one_is_not_read_again(files, authority, caplog):
    certificates = Certificates(*files)
    before = certificates.pair
    certificates.refresh()
    assert certificates.pair is before
    other = authority.sign(("other.example", "10.0.0.1"))
    put(files, other)
    certificates.refresh()
    assert certificates.pair.chain_pem == other.pem
    assert certificates.pair.key_pem == other.key
    assert certificates.pair.names == {"other.example", "10.0.0.1"}


def expired(files, authority):
    put(files, authority.sign(has_expired=True))


def of_another_key(files, authority):
    files[0].write_bytes(authority.sign().pem)


def without_a_key(files, _authority):
    files[1].unlink()


def with_a_key_for_all(files, authority):
    put(files, authority.sign())
    files[1].chmod(0o644)


def empty(files, _authority):
    files[0].write_bytes(b"")


@pytest.mark.parametrize("change", [expired, of_another_key, without_a_key, with_a_key_for_all, empty])
def test_one_that_is_no_good_is_told_of_once_and_the_one_before_stays(files, authority, caplog, change):
    certificates = Certificates(*files)
    before = certificates.pair
    change(files, authority)
    with caplog.at_level(logging.ERROR):
        certificates.refresh()
        certificates.refresh()
    assert certificates.pair is before
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    with pytest.raises(StartError, match="GATEWAY_TLS_"):
        Certificates(*files)
    good = authority.sign()
    put(files, good)
    certificates.refresh()
    assert certificates.pair.chain_pem == good.pem

"""A secret that every user of the machine may read is none."""

import pytest

from services.gateway.adapters.targets import credentials
from services.gateway.keys import Keys
from services.gateway.secret_files import read_secret
from tests.unit.gateway.test_keys import put


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o440])
def test_what_its_owner_or_group_may_read_is_read(tmp_path, mode):
    file = tmp_path / "secret"
    file.write_bytes(b"s")
    file.chmod(mode)
    assert read_secret(file) == b"s"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o601])
def test_what_everybody_may_use_is_refused_with_what_to_do(tmp_path, mode):
    file = tmp_path / "secret"
    file.write_bytes(b"s")
    file.chmod(mode)
    with pytest.raises(ValueError, match=f"chmod o= {file}"):
        read_secret(file)


def test_a_token_key_that_everybody_may_read_is_no_key(tmp_path):
    put(tmp_path, "1.pem").chmod(0o644)
    with pytest.raises(ValueError, match="chmod o="):
        Keys(tmp_path)


def test_nor_is_the_key_that_is_shown_to_model_servers(tmp_path):
    key = put(tmp_path, "gateway.key")
    key.chmod(0o644)
    with pytest.raises(ValueError, match="chmod o="):
        credentials(key, key, key)

"""The commands of deploy/azure/README.md make secrets that the gateway takes and deploy.sh finds."""

import re
import ssl
import subprocess

import pytest

from services.gateway.keys import Keys
from services.gateway.passwords import Passwords
from services.gateway.secret_files import read_secret
from services.gateway.settings import Settings
from services.gateway.tls import Certificates
from tests.deploy import files
from tests.deploy.azure import SECRETS

HOST = "wattgate.westeurope.azurecontainer.io"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    readme = (files.AZURE / "README.md").read_text()
    commands = re.search(r"```bash\n(HOST=.*?)```", readme, re.DOTALL)[1]
    here = tmp_path_factory.mktemp("made")
    subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=here, check=True, capture_output=True)
    return here / "var" / "azure"


def test_all_of_them_are_made_for_nobody_else_to_read(folder):
    assert {file.name for file in folder.iterdir()} == set(SECRETS)
    assert [file.name for file in folder.iterdir() if file.stat().st_mode & 0o077] == []


def test_the_gateway_takes_them(folder):
    assert Certificates(folder / "tls-certificate", folder / "tls-key").pair.names == {HOST}
    assert Keys(folder / "token-key")
    assert Passwords(read_secret(folder / "password-pepper").strip())
    settings = Settings(
        tls_certificate=folder / "tls-certificate",
        tls_key=folder / "tls-key",
        token_key=folder / "token-key",
        database_url_file=folder / "database-url",
    )
    assert settings.database_url == "sqlite:////tmp/users.db"


def test_whoever_is_given_the_certificate_trusts_it(folder):
    trusting = ssl.create_default_context(cafile=str(folder / "tls-certificate"))
    assert len(trusting.get_ca_certs()) == 1

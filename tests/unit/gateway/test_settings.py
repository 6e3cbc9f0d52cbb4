"""Settings that do not go together are refused, and say so."""

import pytest
from pydantic import ValidationError

from services.gateway.settings import Settings


@pytest.fixture
def known(tmp_path):
    """What must be there."""
    for name in ("certificate", "key"):
        (tmp_path / name).touch()
    return {
        "tls_certificate": tmp_path / "certificate",
        "tls_key": tmp_path / "key",
        "token_key": tmp_path / "token.key",
        "database_url": "sqlite:///users.db",
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"engine": "torchserve"}, "tfserving"),
        (
            {"engine": "bentoml", "model_server": "bento:3000"},
            "model_server is a URL where engine is bentoml",
        ),
        ({"engine": "triton", "model_server": "http://triton:8001"}, "model_server is a URL where"),
        ({"model_server": " , "}, "names no target"),
        ({"engine": "bentoml", "model_server": "http://user:word@bento:3000"}, "nothing else in it"),
        ({"engine": "bentoml", "model_server": "http://a:3000,http://b:3000"}, "nothing else in it"),
        ({"engine": "bentoml", "model_server": "http://bento:3000?x=1"}, "nothing else in it"),
    ],
)
def test_an_engine_and_its_address_go_together(known, settings, said):
    with pytest.raises(ValidationError, match=said):
        Settings(**known, **settings)


def test_an_authority_is_for_tls(known):
    with pytest.raises(ValidationError, match="model_server begins with https"):
        Settings(
            **known, engine="bentoml", model_server="http://bento:3000", model_server_ca=known["tls_key"]
        )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"engine": "bentoml", "model_server": "https://bento:3000"},
        {"engine": "triton", "model_server": "triton-1:8001,dns:///triton:8001"},
        {"model_server": "unix:///run/model-server.sock"},
    ],
)
def test_what_goes_together_is_taken(known, settings):
    assert Settings(**known, **settings).engine == settings.get("engine", "tfserving")


@pytest.mark.parametrize("url", ["sqlite:///users.db", "sqlite:////var/lib/wattgate/users.db"])
def test_several_gateways_do_not_start_on_sqlite(known, url):
    with pytest.raises(ValidationError, match="2 replicas need PostgreSQL"):
        Settings(**known | {"database_url": url}, replicas=2)


def test_several_gateways_start_on_postgresql(known):
    assert Settings(**known | {"database_url": "postgresql://db/wattgate"}, replicas=2).replicas == 2


def test_several_workers_of_one_machine_share_a_file(known):
    assert Settings(**known, workers=4).replicas == 1


@pytest.fixture
def url_file(known, tmp_path):
    """What names the database instead of its URL."""
    del known["database_url"]
    file = tmp_path / "database-url"
    file.write_text("sqlite:///users.db\n")
    file.chmod(0o440)
    return file


def test_the_database_may_be_named_in_a_file(known, url_file):
    assert Settings(**known, database_url_file=url_file).database_url == "sqlite:///users.db"


def test_a_file_that_names_the_database_is_held_to_the_same_rules(known, url_file):
    with pytest.raises(ValidationError, match="2 replicas need PostgreSQL"):
        Settings(**known, database_url_file=url_file, replicas=2)


def test_the_database_is_named_once(known, url_file):
    with pytest.raises(ValidationError, match="name one"):
        Settings(**known, database_url_file=url_file, database_url="sqlite:///users.db")


def test_a_file_that_everybody_may_read_names_no_database(known, url_file):
    url_file.chmod(0o444)
    with pytest.raises(ValidationError, match="every user of this machine"):
        Settings(**known, database_url_file=url_file)


def test_a_file_that_is_not_there_is_said(known, url_file):
    url_file.unlink()
    with pytest.raises(ValidationError, match="database_url_file cannot be read"):
        Settings(**known, database_url_file=url_file)

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
        Settings(
            **known,
            **(settings | ({"model_server_ca": known["tls_key"]} if "model_server_ca" in settings else {})),
        )


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

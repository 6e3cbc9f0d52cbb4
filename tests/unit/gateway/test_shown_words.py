"""What callers are shown of the model server's words."""

import pytest

from services.gateway.adapters.tfserving import shown


@pytest.mark.parametrize(
    "words",
    [
        "input size does not match signature: 1!=1 len({x}) != len({window}).",
        'Serving signature key "and/or" not found.',
        "In[0]: [1,2] [[{{node gru/dense/MatMul}}]] on /job:localhost/replica:0",
    ],
)
def test_words_without_paths_are_shown(words):
    assert shown(words) == words


@pytest.mark.parametrize(
    "words",
    [
        "cannot read /srv/models/gru/3/saved_model.pb",
        "No such file: /models",
        '"/srv/models" is missing',
        "gs://bucket/models/gru",
        "C:\\models\\gru",
        "at=/usr/lib/x.py",
    ],
)
def test_words_with_paths_are_not(words):
    assert shown(words) == "The model server's words for this name paths and are not shown; its log has them"


def test_words_are_not_endless():
    assert shown("ä" * 10_000) == "ä" * 512

"""Two gateways before three model servers, each on a host of its own: load is shared alike, and a host whose
cable is pulled is missed by nobody."""

import json
import subprocess
import sys

import pytest

from tests.integration.hosts import site
from tests.integration.hosts.scene import ADDRESSES, CUT_S, NAME, PER_S, PORT

NAMED, BY_NAME = "each by its address", "one name for all"
TARGETS = {
    NAMED: ",".join(f"{address}:{PORT}" for address in ADDRESSES),
    BY_NAME: f"dns:///{NAME}:{PORT}",
}

CALLS = int(PER_S * CUT_S / 2)
"""On each edge."""

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.skipif(not site.is_permitted(), reason="this machine lets nobody make network namespaces"),
]


@pytest.fixture(scope="module", params=TARGETS)
def told(request):
    return request.param


@pytest.fixture(scope="module")
def report(told, tmp_path_factory):
    scene = (sys.executable, "-m", "tests.integration.hosts.scene")
    played = subprocess.run(
        [*site.NAMESPACE, *scene, tmp_path_factory.mktemp("hosts"), TARGETS[told]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stderr
    return json.loads(played.stdout)


@pytest.mark.parametrize("part", ["all there", "all there again"])
def test_each_model_server_has_its_third(report, part):
    assert set(report[part]["outcomes"]) == {"answered: 200", "answered: OK"}
    for share in report[part]["shares"]:
        assert share == pytest.approx(1 / 3, abs=0.05)


def test_a_model_server_without_its_cable_is_missed_by_nobody(report, told):
    part = report["one cut off and brought back"]
    ends, calls = part["outcomes"], sum(part["outcomes"].values())
    assert calls == 2 * CALLS
    assert part["longest_s"] < 3
    if told == NAMED:
        assert ends == {"answered: 200": CALLS, "answered: OK": CALLS}
    else:
        # Behind one name its share waits for it; too much at once to try all of it again.
        assert set(ends) <= {
            "answered: 200",
            "answered: OK",
            "refused cleanly: 503",
            "refused cleanly: UNAVAILABLE",
        }
        assert ends["answered: 200"] + ends["answered: OK"] >= 0.9 * calls


@pytest.mark.parametrize("part", ["without the other gateway", "with it again"])
def test_gateways_do_not_need_each_other(report, part):
    assert set(report[part]["outcomes"]) == {"answered: 200", "answered: OK"}

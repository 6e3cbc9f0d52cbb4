"""The dashboard and the alarms of deploy/compose ask for what a gateway tells, by labels that it has."""

import json
import re

import pytest

from services.gateway.metrics import REGISTRY
from tests.data import REPOSITORY, SAMPLE

OBSERVE = REPOSITORY / "deploy" / "compose" / "observe"
DASHBOARD = json.loads((OBSERVE / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

METRIC = re.compile(r"\b(?:wattgate|process)_\w+")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
LATER = {
    "wattgate_canary_on_trial",
    *(family.name + suffix for family in REGISTRY.collect() for suffix in SUFFIXES.get(family.type, ())),
}
"""Told once there was one."""


def expressions():
    shown = [target["expr"] for panel in PANELS for target in panel["targets"]]
    return shown + re.findall(r"expr: \|?(.*?)\n\s+for:", (OBSERVE / "alerts.yaml").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def told(watched, headers):
    """The labels of each metric, after a forecast."""
    watched.client.https.post("/predict/gru", files={"file": SAMPLE.read_bytes()}, headers=headers)
    found = {}
    for name, *labels in watched.metrics():
        found.setdefault(name, set()).update(label for label, _ in labels)
    return found


def test_whatever_is_asked_for_is_told(told):
    asked = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert len(asked) > 15
    assert asked - told.keys() - LATER == set()


def test_it_is_told_by_these_labels(told):
    for panel in PANELS:
        for target in panel["targets"]:
            by = re.search(r"by \(([^)]*)\)", target["expr"])
            names = [name for name in METRIC.findall(target["expr"]) if name in told]
            for label in filter(None, re.split(r",\s*", by[1]) if by else []):
                assert all(label in told[name] for name in names), (panel["title"], label)
            # A legend names what the expression keeps.
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert label == "instance" or label in by[1], panel["title"]


def test_every_metric_of_ours_is_on_the_dashboard(told):
    shown = set(METRIC.findall(json.dumps(DASHBOARD)))
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in told if name.startswith("wattgate_")}
    assert {name for name in ours if not any(each.startswith(name) for each in shown)} == set()


def test_panels_do_not_overlap():
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells

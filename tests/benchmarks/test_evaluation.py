"""`make report`: the page says what was kept, and nothing else."""

import pytest

from tests.benchmarks import evaluation, report
from tests.benchmarks.report import Sheet
from tests.data import REPOSITORY


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """One benchmark that was run."""
    monkeypatch.chdir(tmp_path)
    samples = report.keep_samples("wan", {"20 ms, https_kept": [0.02, 0.03]})
    machine = dict.fromkeys(("cpus", "processor", "system", "python", "tensorflow", "grpcio", "at"), "known")
    report.keep_report("wan", {"machine": machine, "samples_file": str(samples)})
    with report.plot("wan", width=4):
        pass
    report.show("wan", [Sheet(("ms", "mean"), {"HTTPS": ["25.0"]}, "20 ms")], ["A sentence."], [samples])
    return tmp_path


def test_the_page_has_tables_plots_samples_and_limits_of_what_was_run(kept, capsys):
    evaluation.main()
    page = (kept / "docs/evaluation.md").read_text()
    assert "## From far away (Table 6.3)" in page
    assert "| ms | mean |\n| --- | ---: |\n| HTTPS | 25.0 |" in page
    assert "A sentence." in page
    assert "Limits: Links are made" in page
    assert "known x known" in page
    for file in ("wan.png", "wan.samples.csv.gz"):
        assert f"(evaluation/{file})" in page
        assert (kept / "docs/evaluation" / file).stat().st_size > 0
    assert "Table 6.1" not in page
    assert "make bench-frameworks" in capsys.readouterr().out  # not run yet


def test_without_anything_kept_it_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="make bench-frameworks"):
        evaluation.main()


def test_every_part_is_a_target():
    text = (REPOSITORY / "Makefile").read_text()
    for part in evaluation.PARTS:
        assert f"\nbench-{part.name}:" in text

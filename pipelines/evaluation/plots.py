"""Plots of how good a model is. Needs matplotlib (the extra `training`)."""

from pathlib import Path

from pipelines.evaluation.backtest import Report


def plot_report(report: Report, title: str, file: Path) -> None:
    """Errors of model and naive forecasts, and coverage of the intervals, by step of the horizon: a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    errors, covered = figure.subplots(1, 2)
    steps = [step.step for step in report.by_step]
    for name, other in report.naive.items():
        by_step = [step.naive_mae_kw[name] for step in report.by_step]
        errors.plot(steps, by_step, "--", label=f"{name.replace('_', ' ')} (model {other.skill:+.0%})")
    errors.plot(steps, [step.mae_kw for step in report.by_step], "k", linewidth=2, label="model")
    errors.set(xlabel="steps ahead", ylabel="mean absolute error, kW", ylim=(0, None))
    errors.legend(fontsize="small")
    for level, name in ((80, "coverage_80"), (95, "coverage_95")):
        shares = [getattr(step, name) for step in report.by_step]
        if None not in shares:
            covered.plot(steps, [share * 100 for share in shares], "o-", label=f"{level} % interval")
            covered.axhline(level, color="grey", linewidth=0.8, linestyle=":")
    covered.set(xlabel="steps ahead", ylabel="outcomes within, %", ylim=(0, 100))
    covered.legend(fontsize="small", loc="lower left")
    figure.suptitle(f"{title}: {report.windows:,} forecasts, {report.data_from:%F} to {report.data_until:%F}")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)

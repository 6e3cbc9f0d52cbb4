"""What a model must show before anybody is served by it."""

import math

from pipelines.evaluation.backtest import Report

NAIVE = ("last_value", "yesterday", "last_week")
"""Forecasts that need no model."""


class NotGoodEnoughError(Exception):
    """The model would serve worse than what there is without it; it must not be published."""


def require_skill(report: Report) -> None:
    """Raise NotGoodEnoughError where a naive forecast is as good."""
    name = min((name for name in NAIVE if name in report.naive), key=lambda name: report.naive[name].mae_kw)
    best_kw = report.naive[name].mae_kw
    # Not a plain comparison: a model whose error is not a number has no skill either.
    if not report.mae_kw < best_kw:
        raise NotGoodEnoughError(
            f"its mean absolute error is {report.mae_kw:,.2f} kW over {report.windows:,} windows; "
            f"{name.replace('_', ' ')} alone has {best_kw:,.2f} kW"
        )


def require_no_loss(report: Report, serving: Report, *, margin: float) -> None:
    """Raise NotGoodEnoughError where a model is worse than the serving one by more than a share of its error.

    Both reports are of the same windows. One that serves no numbers is no measure.
    """
    allowed_kw = serving.mae_kw * (1 + margin)
    if not math.isnan(allowed_kw) and not report.mae_kw <= allowed_kw:
        raise NotGoodEnoughError(
            f"its mean absolute error is {report.mae_kw:,.2f} kW over {report.windows:,} windows; "
            f"the version that serves has {serving.mae_kw:,.2f} kW, and {margin:.0%} more is allowed: "
            f"{allowed_kw:,.2f} kW"
        )

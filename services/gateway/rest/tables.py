"""A forecast as CSV, for spreadsheets and dashboards."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from services.gateway.predict import Prediction
from services.gateway.rest.accept import VARIES
from services.gateway.rest.uploads import CSV

_MEDIA_TYPE = "text/csv; charset=utf-8; header=present"

AS_CSV: dict[str, Any] = {
    CSV: {
        "schema": {
            "type": "string",
            "description": "A row a step: times in the model's zone, kW, and two columns for each interval "
            "that the model has (empty in a fallback).",
        },
        "example": "valid_from,valid_to,kw,lower_80_kw,upper_80_kw\r\n"
        "2024-06-10T00:00:00+02:00,2024-06-10T00:15:00+02:00,101.5,98.2,104.9\r\n",
    }
}
"""The answer, as OpenAPI says it."""


def table(prediction: Prediction) -> Response:
    """The steps by RFC 4180: times in the model's zone, with their offsets, and kW.

    Nothing in it is a caller's own text, so no cell can be a formula.
    """
    text = io.StringIO()
    csv.writer(text).writerows(_rows(prediction))
    # Quoted, as a model may have any name.
    name = quote(prediction.model.name, safe="")
    begins = prediction.forecast.data_until.astimezone(UTC)
    return Response(
        text.getvalue(),
        media_type=_MEDIA_TYPE,
        headers={
            **VARIES,
            "Content-Disposition": f'attachment; filename="{name}-{begins:%Y%m%dT%H%MZ}.csv"',
        },
    )


def _rows(prediction: Prediction) -> Iterator[list[object]]:
    spec = prediction.model.spec
    levels = [f"{100 * band.level:g}" for band in spec.intervals]
    bounds = [f"{side}_{level}_kw" for level in levels for side in ("lower", "upper")]
    yield ["valid_from", "valid_to", "kw", *bounds]
    for step in prediction.forecast.steps:
        times = (time.astimezone(spec.zone).isoformat() for time in (step.valid_from, step.valid_to))
        known = [bound for interval in step.intervals for bound in (interval.lower_kw, interval.upper_kw)]
        # A fallback has no intervals: the columns stay, so that whoever reads them by name can.
        yield [*times, step.kw, *known, *[""] * (len(bounds) - len(known))]

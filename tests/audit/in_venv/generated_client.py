"""Uses a client that was generated into the folder it is started with: what it got, as JSON.

Reads {url, ca_file, username, password, csv, series, time_series} from standard input.
"""

import json
import ssl
import sys
from datetime import datetime
from io import BytesIO

given = json.load(sys.stdin)
sys.path.insert(0, sys.argv[1])

from wattgate_client import AuthenticatedClient, Client  # noqa: E402 - it is in that folder
from wattgate_client.api.forecasts import forecast, forecast_time_series  # noqa: E402
from wattgate_client.api.login import issue_token  # noqa: E402
from wattgate_client.api.models import backtest, list_models  # noqa: E402
from wattgate_client.models import (  # noqa: E402
    ForecastGaps,
    ForecastOut,
    Problem,
    SeriesIn,
    TimeSeriesForecastIn,
    TokenIn,
    UploadIn,
)
from wattgate_client.types import File  # noqa: E402


def steps(answer):
    assert isinstance(answer, ForecastOut), answer
    return [
        [step.valid_from.isoformat(), step.kw, *([i.level, i.lower_kw, i.upper_kw] for i in step.intervals)]
        for step in answer.steps
    ]


def csv(content=given["csv"]):
    return File(BytesIO(content.encode()), file_name="meter.csv", mime_type="text/csv")


trust = ssl.create_default_context(cafile=given["ca_file"])
login = TokenIn(username=given["username"], password=given["password"])
with Client(given["url"], verify_ssl=trust) as client:
    token = issue_token.sync(client=client, body=login).access_token
with AuthenticatedClient(given["url"], token, verify_ssl=trust, timeout=30) as client:
    series = SeriesIn(start=datetime.fromisoformat(given["series"]["start"]), kw=given["series"]["kw"])
    refused = forecast.sync("gru", client=client, body=csv("a,b\n1,2\n"))
    assert isinstance(refused, Problem), refused
    report = backtest.sync("gru", client=client, body=csv(), stride=96)
    asked = TimeSeriesForecastIn.from_dict(given["time_series"])
    several = forecast_time_series.sync(client=client, body=asked)
    answer = {
        "models": [model.name for model in list_models.sync(client=client).models],
        "csv": steps(forecast.sync("gru", client=client, body=csv())),
        "upload": steps(forecast.sync("gru", client=client, body=UploadIn(file=csv()), tz="Europe/Berlin")),
        "series": steps(forecast.sync("gru", client=client, body=series)),
        "options": steps(
            forecast.sync("gru", client=client, body=csv(), gaps=ForecastGaps.LINEAR, max_gap_steps=2)
        ),
        "time series": several.outputs[0].content[0].mean_forecast,
        "backtest": [report.model, report.windows, report.mae_kw, report.by_step[0].step],
        "refused": [refused.status, refused.reason, refused.errors[0].rule, refused.errors[0].message],
    }
json.dump(answer, sys.stdout)

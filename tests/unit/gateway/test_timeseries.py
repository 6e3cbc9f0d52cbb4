"""What KServe's clients are told of steps that are not the model's."""

import pytest

from services.core.errors import InvalidRequestError
from services.gateway.rest.schemas.timeseries import TimeSeriesForecastIn
from tests.specs import a_spec


@pytest.mark.parametrize(
    ("resolution_s", "says"),
    [
        (30, "PT30S: say that, or second with interval 30"),
        (3600, "PT1H: say that, or minute with interval 60"),
        (86_400, "P1D: say that, or minute with interval 1440"),
    ],
)
def test_the_step_to_say_is_one_that_is_taken(resolution_s, says):
    (example,) = TimeSeriesForecastIn.model_config["json_schema_extra"]["examples"]
    spec = a_spec().model_copy(update={"resolution_s": resolution_s})

    def asking(**step) -> TimeSeriesForecastIn:
        document = {**example, "inputs": [{**example["inputs"][0], **step}], "options": {"horizon": 1}}
        return TimeSeriesForecastIn.model_validate(document, strict=False)

    with pytest.raises(InvalidRequestError, match=says):
        asking(frequency="minute", interval=7).check(spec)
    frequency, interval = says.split(", or ")[1].split(" with interval ")
    asking(frequency=frequency, interval=int(interval)).check(spec)

"""Model outputs -> forecasts with times and units."""

from pipelines.postprocessing.forecast import Forecast, Interval, Step, denormalise, forecast
from pipelines.postprocessing.seasonal_naive import seasonal_naive

__all__ = ["Forecast", "Interval", "Step", "denormalise", "forecast", "seasonal_naive"]

"""Model outputs -> forecasts with times and units."""

from pipelines.postprocessing.forecast import Forecast, Interval, Step, denormalise, forecast

__all__ = ["Forecast", "Interval", "Step", "denormalise", "forecast"]

"""How it is called."""

from tests.benchmarks.engines.open_inference import OpenInferencePredict as Client

__all__ = ["Client"]

"""Settings every test runs under."""

import os

# TensorFlow greets on standard error, in every process that imports it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

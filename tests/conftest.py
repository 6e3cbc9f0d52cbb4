"""Settings every test runs under."""

import os
import tempfile

# TensorFlow greets on standard error, in every process that imports it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_COMPILED = tempfile.TemporaryDirectory(prefix="compiled-models-")
# The same models are compiled once for all of the model servers that tests start, two seconds each.
os.environ.setdefault("TF_XLA_FLAGS", f"--tf_xla_persistent_cache_directory={_COMPILED.name}")

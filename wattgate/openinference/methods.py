"""The Open Inference Protocol's RPCs, for our own messages of the same numbers."""

SERVICE = "inference.GRPCInferenceService"

MODEL_METADATA = f"/{SERVICE}/ModelMetadata"
MODEL_INFER = f"/{SERVICE}/ModelInfer"

SIGNATURE = "signature"
"""Name of the parameter that says which of a model's signatures is meant; the protocol itself has none."""

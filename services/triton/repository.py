"""A model repository for Triton of one for TensorFlow Serving.

`python -m services.triton.repository models OUT` writes it; `tritonserver --model-repository=OUT` serves it
where its Python has what requirements/triton.txt names, and finds this package.
"""

import argparse
import json
import shutil
from pathlib import Path

from tensorflow.core.framework.types_pb2 import DT_FLOAT, DT_STRING
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

SAVED_MODEL = "model.savedmodel"
"""A SavedModel's folder within its version's."""

_TYPES = {DT_FLOAT: "TYPE_FP32", DT_STRING: "TYPE_STRING"}
_INIT = "__saved_model_init_op"

_CONFIG = """\
backend: "python"
# Every version there is; what a batch is, is the signature's business.
version_policy {{ all {{}} }}
max_batch_size: 0
instance_group [{{ kind: KIND_CPU count: 1 }}]
{tensors}
"""


def write(models: Path, out: Path) -> None:
    """Copy every version of every model, each with the code that runs it. Raises OSError, and KeyError for
    tensors of other types than float32 and string."""
    for model in sorted(models.iterdir()):
        versions = sorted(model.iterdir(), key=lambda version: int(version.name))
        for version in versions:
            into = out / model.name / version.name
            into.mkdir(parents=True)
            shutil.copytree(version, into / SAVED_MODEL)
            shutil.copy(Path(__file__).with_name("model.py"), into)
        (out / model.name / "config.pbtxt").write_text(_config(versions[-1]))


def _config(version: Path) -> str:
    """All inputs and outputs that a signature has: which are used, the signature says."""
    read = SavedModel.FromString((version / "saved_model.pb").read_bytes())
    signatures = [one for name, one in read.meta_graphs[0].signature_def.items() if name != _INIT]
    tensors = [*_tensors("input", signatures), *_tensors("output", signatures)]
    return _CONFIG.format(tensors="\n".join(tensors))


def _tensors(side: str, signatures: list[SignatureDef]) -> list[str]:
    infos: dict[str, TensorInfo] = {}
    for signature in signatures:
        infos.update(signature.inputs if side == "input" else signature.outputs)
    optional = " optional: true" if side == "input" else ""
    return [
        f"{side} [{{ name: {json.dumps(name)} data_type: {_TYPES[info.dtype]}"
        f" dims: {_dims(info)}{optional} }}]"
        for name, info in sorted(infos.items())
    ]


def _dims(info: TensorInfo) -> str:
    """Of any size; Triton knows no scalars."""
    return str([-1] * len(info.tensor_shape.dim) or [1])


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(prog="python -m services.triton.repository", description=__doc__)
    parser.add_argument("models", type=Path, help="as TensorFlow Serving has it: NAME/VERSION/saved_model.pb")
    parser.add_argument("out", type=Path, help="a folder to make")
    asked = parser.parse_args()
    write(asked.models, asked.out)


if __name__ == "__main__":
    main()

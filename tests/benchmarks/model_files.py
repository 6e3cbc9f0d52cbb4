"""The two files of a model that engines are compared with: as Keras exports it, and compiled."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.types_pb2 import DT_STRING
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from pipelines.spec import SIGNATURE, ForecastSpec
from services.serving.warmup import FILE as WARMUP_FILE
from tests.benchmarks.engines import MODEL, VERSION
from tests.benchmarks.servers import MODELS

COMPILED, PLAIN = "compiled", "plain"
FILES = (PLAIN, COMPILED)
KERAS_SIGNATURE = "serving_default"


def write(kind: str, models: Path) -> None:
    """A repository of the one model; the plain file has no other signature than Keras would give it."""
    version = models / MODEL / VERSION
    shutil.copytree(MODELS / MODEL / VERSION, version)
    if kind == PLAIN:
        file = version / "saved_model.pb"
        saved_model = SavedModel.FromString(file.read_bytes())
        (meta_graph,) = saved_model.meta_graphs
        for name in set(meta_graph.signature_def) & {COMPILED}:
            del meta_graph.signature_def[name]
        _name_signatures(meta_graph, (KERAS_SIGNATURE,))
        file.write_bytes(saved_model.SerializeToString())
        # Of the signature that is gone.
        (version / WARMUP_FILE).unlink()


def _name_signatures(meta_graph: MetaGraphDef, names: tuple[str, ...]) -> None:
    """Have the spec in the graph name these signatures."""
    found = 0
    for node in _nodes(meta_graph):
        tensor = node.attr["value"].tensor if node.op == "Const" else None
        if tensor is None or tensor.dtype != DT_STRING or b'"signatures"' not in tensor.string_val[0]:
            continue
        spec = ForecastSpec.model_validate_json(tensor.string_val[0])
        tensor.string_val[0] = spec.model_copy(update={"signatures": names}).model_dump_json().encode()
        found += 1
    assert found, f"there is no {SIGNATURE} in the graph"


def _nodes(meta_graph: MetaGraphDef) -> Iterator[NodeDef]:
    yield from meta_graph.graph_def.node
    for function in meta_graph.graph_def.library.function:
        yield from function.node_def

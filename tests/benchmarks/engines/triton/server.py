"""Triton, the server of the wheel, with the repository that services/triton makes of ours.

Its Python backend runs our code in a process that loads the distribution's libpython, which must be there and
of the environment's version.
"""

import os
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

from services.triton.repository import write

PORT, MODELS = sys.argv[1:]

(PACKAGE,) = find_spec("pytriton").submodule_search_locations
TRITON = Path(PACKAGE, "tritonserver")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

folder = Path(tempfile.mkdtemp(prefix="triton-"))
backend = folder / "backends" / "python"
backend.mkdir(parents=True)
for file in (
    *TRITON.glob("backends/python/*"),
    TRITON / "python_backend_stubs" / PYTHON / "triton_python_backend_stub",
):
    (backend / file.name).symlink_to(file)
    file.chmod(0o755)
write(Path(MODELS), folder / "models")
# That Python looks at no PYTHONPATH: in an image all of it is installed where it looks.
paths = [str(Path.cwd()), sysconfig.get_paths()["purelib"]]
for code in folder.glob("models/*/*/model.py"):
    code.write_text(f"import sys\n\nsys.path[:0] = {paths}\n{code.read_text()}")

server = TRITON / "bin" / "tritonserver"
server.chmod(0o755)
os.execve(
    server,
    [
        server,
        f"--model-repository={folder / 'models'}",
        f"--backend-directory={folder / 'backends'}",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={PORT}",
        "--allow-http=false",
        "--allow-metrics=false",
        "--log-info=false",
    ],
    {**os.environ, "LD_LIBRARY_PATH": str(TRITON.parent.parent / "nvidia_pytriton.libs")},
)

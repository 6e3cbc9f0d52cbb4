"""deploy.sh among stand-ins for the programs that it calls."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.deploy import files

SCRIPT = files.AZURE / "deploy.sh"
RECORDER = Path(__file__).parent / "recorder.py"
SECRETS = ("tls-certificate", "tls-key", "token-key", "password-pepper", "database-url", "database-password")
REGISTRY, VAULT = "wattgateabc", "wattgatevault"
ADMINISTRATOR = "11111111-2222-3333-4444-555555555555"
APP_HOST = "wattgate-https.sea.westeurope.azurecontainerapps.io"
GRPC_HOST = "wattgate-grpc.sea.westeurope.azurecontainerapps.io"
IDENTITY = (
    "/subscriptions/1/resourceGroups/wattgate/providers/Microsoft.ManagedIdentity/userAssignedIdentities/w"
)
ANSWERS = [
    [["az", "properties.outputs.registry.value"], 0, f"{REGISTRY}\n"],
    [["az", "properties.outputs.vault.value"], 0, f"{VAULT}\n"],
    [["az", "properties.outputs.host.value"], 0, f"{APP_HOST}\n"],
    [["az", "properties.outputs.grpcHost.value"], 0, f"{GRPC_HOST}\n"],
    [["az", "signed-in-user"], 0, f"{ADMINISTRATOR}\n"],
    [["az", "identity", "show"], 0, f"{IDENTITY}\n"],
    [["curl", "/readyz", "--write-out"], 0, "1.1 200"],
    [["curl", "/predict"], 0, "1.1 401"],
    [["curl", "/grpc.health.v1.Health/Check"], 0, "2 200"],
    [["curl", "http://"], 7, ""],
]


class Azure:
    """A folder of secrets and of stand-ins, and what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.answers = folder, list(ANSWERS)
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        for name in SECRETS:
            (self.secrets / name).write_text(f"canary of {name}\n")
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("az", "docker", "curl", "sleep"):
            program = self.bin / name
            program.write_text(f"#!{sys.executable} -SE\n{RECORDER.read_text()}")
            program.chmod(0o755)

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        (self.folder / "answers.json").write_text(json.dumps(self.answers))
        (self.folder / "calls.jsonl").write_text("")
        return subprocess.run(
            [SCRIPT, "--secrets", self.secrets, *arguments],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            env={
                "PATH": f"{self.bin}:{os.environ['PATH']}",
                "RECORDER": str(self.folder),
                "TMPDIR": str(self.folder),
            },
        )

    def calls(self) -> list[list[str]]:
        """Without the questions what a deployment has put out."""
        lines = (self.folder / "calls.jsonl").read_text().splitlines()
        return [call for call in map(json.loads, lines) if "show" not in call]

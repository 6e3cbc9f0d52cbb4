"""Stands in for az, docker, curl and sleep: writes down how it was called, and answers what it was told to.

RECORDER names a folder: calls.jsonl is written, a line for each call; of answers.json, which has
[words, status, output], the last whose words are all in a call is its answer; else it succeeds, silently.
"""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    folder = Path(os.environ["RECORDER"])
    call = [Path(sys.argv[0]).name, *sys.argv[1:]]
    with (folder / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(call) + "\n")
    if call[:3] == ["az", "container", "create"]:
        file = Path(call[call.index("--file") + 1])
        (folder / "container-group.yaml").write_text(file.read_text())
        (folder / "mode").write_text(f"{file.stat().st_mode & 0o777:o}")
    status, output = 0, ""
    for words, its_status, its_output in json.loads((folder / "answers.json").read_text()):
        if all(any(word in argument for argument in call) for word in words):
            status, output = its_status, its_output
    sys.stdout.write(output)
    sys.exit(status)


if __name__ == "__main__":
    main()

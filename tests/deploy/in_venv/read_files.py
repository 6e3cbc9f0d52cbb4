"""Reads YAML and Bicep files for tests, which have no parser of either: {file: content} as JSON."""

import json
import sys
from pathlib import Path

import yaml
from bicep_tree import tree

READERS = {
    ".bicep": tree,
    ".yaml": lambda text: list(yaml.safe_load_all(text)),
}

if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:]]
    json.dump({str(file): READERS[file.suffix](file.read_text()) for file in files}, sys.stdout)

"""Reads {name: YAML of several documents} on standard input, answers {name: documents} as JSON."""

import json
import sys

import yaml

if __name__ == "__main__":
    found = {name: list(yaml.safe_load_all(text)) for name, text in json.load(sys.stdin).items()}
    json.dump(found, sys.stdout)

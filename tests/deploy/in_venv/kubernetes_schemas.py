"""What Kubernetes' own schemas have to say of manifests, of JSON on standard input: a line for each problem.

The argument is a version: 1.33.
"""

import json
import sys

import kubernetes_validate

if __name__ == "__main__":
    found = []
    for manifest in json.load(sys.stdin):
        try:
            kubernetes_validate.validate(manifest, sys.argv[1], strict=True)
        except (
            kubernetes_validate.ValidationError,
            kubernetes_validate.SchemaNotFoundError,
            kubernetes_validate.InvalidSchemaError,
        ) as error:
            found.append(f"{manifest['kind']} {manifest['metadata']['name']}: {error}")
    json.dump(found, sys.stdout)

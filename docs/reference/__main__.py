"""`python -m docs.reference OUT`: write what the pages of the reference are made of, for mkdocs to find."""

import json
import sys
from pathlib import Path

from docs.reference.command import command_tree
from docs.reference.errors import errors, rules
from docs.reference.protos import compiled, messages, service
from docs.reference.rest import openapi, routes, schemas
from docs.reference.settings import settings, trusted_issuer


def write(out: Path) -> None:
    """Write every part. Raises UndescribedError for what says nothing of itself."""
    document, proto = openapi(), compiled()
    parts = {
        "command.md": command_tree(),
        "errors.md": errors(),
        "rules.md": rules(),
        "messages.md": messages(proto),
        "service.md": service(proto),
        "openapi.json": json.dumps(document, indent=2),
        "routes.md": routes(document),
        "schemas.md": schemas(document),
        "settings.md": settings(),
        "trusted-issuer.md": trusted_issuer(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, text in parts.items():
        (out / name).write_text(f"{text}\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))

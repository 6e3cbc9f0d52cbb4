"""The arguments that deploy.sh's commands of the Azure CLI take, by its reference; kept by hand."""

_WHERE = {"--resource-group", "--name", "--output", "--query"}

AZ = {
    ("acr", "build"): {"--registry", "--image", "--file"},
    ("acr", "login"): {"--name"},
    ("ad", "signed-in-user", "show"): {"--query", "--output"},
    ("container", "create"): {"--resource-group", "--file", "--output"},
    ("deployment", "group", "create"): _WHERE | {"--template-file", "--parameters"},
    ("deployment", "group", "show"): _WHERE,
    ("group", "create"): {"--name", "--location", "--output"},
    ("group", "delete"): {"--name", "--yes"},
    ("identity", "show"): _WHERE,
    ("keyvault", "secret", "set"): {"--vault-name", "--name", "--file", "--encoding", "--output"},
}
REQUIRED = {
    ("acr", "build"): {"--registry", "--image", "--file"},
    ("container", "create"): {"--resource-group", "--file"},
    ("deployment", "group", "create"): {"--resource-group", "--template-file"},
    ("group", "create"): {"--name", "--location"},
    ("keyvault", "secret", "set"): {"--vault-name", "--name", "--file"},
}
"""Without which they do not do what is meant here."""


def problem(call: list[str]) -> str | None:
    """What the Azure CLI would not take of a call."""
    words = []
    for argument in call[1:]:
        if argument.startswith("-"):
            break
        words.append(argument)
    command = next((known for known in AZ if tuple(words[: len(known)]) == known), None)
    if command is None:
        return f"there is no az {' '.join(words)}"
    flags = {argument for argument in call if argument.startswith("--")}
    if flags - AZ[command]:
        return f"az {' '.join(command)} takes no {sorted(flags - AZ[command])}"
    if REQUIRED.get(command, set()) - flags:
        return f"az {' '.join(command)} needs {sorted(REQUIRED[command] - flags)}"
    return None

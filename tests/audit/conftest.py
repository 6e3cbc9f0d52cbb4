"""Examples of what may not be written are no tests, nor is what runs in the environment of the tools."""

collect_ignore = ["in_venv", "rules"]

"""What runs in the tools' own environment is no test, and imports what is not here."""

collect_ignore = ["in_venv"]

"""Examples of what may not be written are no tests."""

collect_ignore = ["rules"]

"""Servers of other engines run in environments of their own: what they import is not here."""

collect_ignore_glob = ["engines/*/server.py"]

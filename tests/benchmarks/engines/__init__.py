"""Other servers of the same model, to measure ours against: a folder each.

`server.py PORT MODELS` serves a repository of models on a port, every signature of them, in an environment of
its own that a lock file describes (`make lock-engines` writes those). engine.py says which adapter of the
gateway calls it.
"""

MODEL, VERSION = "gru", "1"
"""What the servers of one model serve."""

"""Other servers of the same model, to measure ours against: a folder each.

`server.py` serves a signature of a SavedModel on a port of gRPC or HTTP, `client.py` names the client that
calls it, `requirements.in` is what it needs; `make bench-lock` writes `requirements.txt`.
"""

"""What an error of the gRPC edge says beside its code and message."""

from google.rpc import error_details_pb2, status_pb2


def detail(error, kind):
    """The first detail of a kind, google.rpc's; an empty one where there is none."""
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    found = kind()
    any(packed.Unpack(found) for packed in status.details)
    return found


def reason(error):
    """Its stable name."""
    return detail(error, error_details_pb2.ErrorInfo).reason

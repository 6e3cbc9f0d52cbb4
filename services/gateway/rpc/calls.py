"""What the gRPC edge reads off a call beside its message."""

from typing import Any, TypeAlias

import grpc.aio

from services.core.deadline import Deadline

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


def deadline_of(context: Context, longest_s: float) -> Deadline:
    """The caller's deadline, or `longest_s` from now where that is sooner or there is none."""
    left_s = context.time_remaining()
    return Deadline.after(longest_s if left_s is None else min(left_s, longest_s))

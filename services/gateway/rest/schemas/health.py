"""Alive, and ready."""

from typing import Literal

from pydantic import BaseModel, Field


class LiveOut(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class ReadyOut(BaseModel):
    """Whether calls should be sent here."""

    status: Literal["ready", "not ready"]
    models: dict[str, str] = Field(description="By name: available, or why a model is not.")

"""The models served: their specs, read from the model server and kept true."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.series import LoadSeries
from pipelines.spec import ForecastSpec
from services.core.errors import (
    ModelFailedError,
    ModelNotFoundError,
    ModelUnavailableError,
    ServiceError,
)
from services.gateway.canary import NO_TRIALS, Terms, Trial

log = logging.getLogger(__name__)

_TOLERANCE, _OF_ITSELF = 1e-3, 1e-5
"""How far an answer to the known request may stray: in standard deviations of the load, and a share of it."""


STABLE, CANARY = "stable", "canary"
"""Labels of the version that answers, and of one on trial."""


class ModelServer(Protocol):
    """What the gateway needs of a model server; every call may raise a ServiceError."""

    async def available_versions(self, model: str, *, timeout_s: float) -> list[int]:
        """The versions that are available, the newest first; at least one."""
        ...

    async def labels(self, model: str, *, timeout_s: float) -> dict[str, int]:
        """The versions labelled STABLE and CANARY, by label; those that have none are left out."""
        ...

    async def spec(self, model: str, version: int, *, timeout_s: float) -> ForecastSpec:
        """The spec of one version. Raises ValueError where what is there is none."""
        ...

    async def forecast_kw(
        self, model: "ServedModel", windows: Sequence[LoadSeries], *, timeout_s: float
    ) -> NDArray[np.float64]:
        """The loads that follow windows of the model's length: shape (n, horizon), kW.

        Raises VersionGoneError where the model server no longer has that version, and ModelFailedError
        where it answers something else.
        """
        ...


class VersionGoneError(ModelUnavailableError):
    """The version asked for is no longer served; a newer one may be."""


@dataclass(frozen=True)
class ServedModel:
    """One version of a model, and the signature that gave its known answer."""

    name: str
    version: int
    signature: str
    spec: ForecastSpec


@dataclass(frozen=True)
class CanaryModel:
    """A version on trial."""

    model: ServedModel
    trial: Trial


@dataclass(frozen=True)
class ModelState:
    """A model as it is now."""

    name: str
    model: ServedModel | None
    """The version labelled stable, or without labels the newest, that last answered rightly."""
    problem: str | None
    """Why it does not answer now; None when it does."""
    canary: CanaryModel | None = None
    """The version labelled canary, once it answered rightly."""
    is_labelled: bool = False
    """Whether the version is the one labelled stable, so that it can be asked for by that."""


class Models:
    """The models this gateway is set up to serve."""

    def __init__(
        self, server: ModelServer, names: Sequence[str], *, timeout_s: float, terms: Terms = NO_TRIALS
    ) -> None:
        """Know the names; nothing is asked before `refresh`."""
        self._server = server
        self._timeout_s = timeout_s
        self._terms = terms
        self._trials: dict[tuple[str, int], Trial] = {}
        """Of every version that was ever on trial: one given up stays so."""
        self._warned: set[tuple[str, int]] = set()
        self._states = {name: ModelState(name, None, "The model has not been asked yet") for name in names}
        self.changed = asyncio.Event()
        """Set when a state changes, and replaced: take it before you look at the states, then wait for it."""

    def states(self) -> list[ModelState]:
        """Every model, in the order they were named."""
        return list(self._states.values())

    def state(self, name: str) -> ModelState:
        """One model. Raises ModelNotFoundError."""
        try:
            return self._states[name]
        except KeyError:
            served = ", ".join(self._states)
            raise ModelNotFoundError(f"There is no model {name[:64]!r}; served are: {served}") from None

    def served(self, name: str) -> ServedModel:
        """The version of a model to ask. Raises ModelNotFoundError, or ModelUnavailableError."""
        state = self.state(name)
        if state.model is None:
            raise ModelUnavailableError(f"The model {name!r} is not available yet; try again in a moment")
        return state.model

    def for_caller(self, name: str, caller: str) -> ServedModel:
        """The version that answers a caller: for a share of them the one on trial. Raises as `served`."""
        stable, canary = self.served(name), self._states[name].canary
        return canary.model if canary is not None and canary.trial.takes(caller) else stable

    def trial_of(self, model: ServedModel) -> Trial | None:
        """How the version on trial does; None of any other."""
        canary = self._states[model.name].canary
        return canary.trial if canary is not None and canary.model == model else None

    @property
    def ready(self) -> bool:
        """Whether every model answers its known request rightly."""
        return all(state.problem is None for state in self._states.values())

    async def keep_true(self, interval_s: float) -> None:
        """Refresh all models for ever, every `interval_s` seconds."""
        while True:
            await asyncio.gather(*(self.refresh(name) for name in self._states))
            await asyncio.sleep(interval_s)

    async def newest(self, name: str) -> ServedModel:
        """The version to ask, learnt anew: what was known is gone. Raises as `served`."""
        await self.refresh(name)
        return self.served(name)

    async def refresh(self, name: str) -> None:
        """Learn a model's newest version and whether it answers its known request."""
        state = self._states[name]
        try:
            model, labels = await self._stable(name, state.model)
            known = self._states[name].canary
            if known and known.model.version != labels.get(CANARY):
                known = None
            fresh = ModelState(name, model, None, known, labels.get(STABLE) == model.version)
            # First: whatever becomes of the canary, this is who answers.
            self._become(fresh)
            self._become(replace(fresh, canary=await self._canary(model, labels.get(CANARY), known)))
        except ServiceError as error:
            self._become(replace(self._states[name], problem=str(error)))
            if str(error) != state.problem:
                why = "; ".join([str(error), *getattr(error, "__notes__", ())])
                log.log(logging.WARNING if state.model else logging.INFO, "model %s: %s", name, why)
        except Exception:  # the watch outlives any surprise
            self._become(replace(self._states[name], problem="The model cannot be read"))
            log.exception("model %s cannot be read", name)
        else:
            if state.problem or state.model != model:
                log.info("model %s: version %d answers by %s", name, model.version, model.signature)

    def _become(self, state: ModelState) -> None:
        if state != self._states[state.name]:
            self._states[state.name] = state
            self.changed.set()
            self.changed = asyncio.Event()

    async def _stable(self, name: str, current: ServedModel | None) -> tuple[ServedModel, dict[str, int]]:
        """The version to ask, and the labels: a bad new version does not take the good old one down."""
        versions = await self._server.available_versions(name, timeout_s=self._timeout_s)
        labels = dict(await self._server.labels(name, timeout_s=self._timeout_s))
        stable, canary = labels.get(STABLE), labels.get(CANARY)
        if canary == stable or canary not in versions:
            canary = None
            labels.pop(CANARY, None)
        for version in sorted(versions, key=lambda version: (version == stable, version), reverse=True):
            if version == canary:
                continue
            if current and current.version == version and await self._answers_rightly(current):
                return current, labels
            model = await self._read(name, version)
            if model is not None:
                return model, labels
        raise ModelFailedError("No version answers its known request rightly")

    async def _canary(
        self, stable: ServedModel, version: int | None, known: CanaryModel | None
    ) -> CanaryModel | None:
        """The version on trial; None where there is none, or none that can be tried."""
        if version is None or not self._terms.share:
            return None
        trial = self._trials.setdefault((stable.name, version), Trial(stable.name, version, self._terms))
        try:
            if known is None:
                known = await self._read_canary(stable, version, trial)
            elif trial.problem is None and not await self._answers_rightly(known.model):
                trial.give_up("it does not answer its known request rightly any more")
        except VersionGoneError:
            return None
        except ServiceError as error:  # the stable version just answered, so it is this one's fault
            trial.failed(error)
        if known and known.model.spec.interface != stable.spec.interface:
            self._warn_once(stable.name, version, "is not of the stable version's shape, so it is not tried")
            return None
        return known

    async def _read_canary(self, stable: ServedModel, version: int, trial: Trial) -> CanaryModel | None:
        model = await self._read(stable.name, version)
        if model is None:
            return None
        log.info("model %s: version %d is on trial", stable.name, version)
        return CanaryModel(model, trial)

    async def _read(self, name: str, version: int) -> ServedModel | None:
        """A version with its spec and the signature to ask; None where it does not answer rightly."""
        try:
            spec = await self._server.spec(name, version, timeout_s=self._timeout_s)
        except (ModelFailedError, ValueError) as error:
            self._warn_once(name, version, f"has no forecast spec that can be read here: {error}")
            return None
        for signature in spec.signatures:
            model = ServedModel(name, version, signature, spec)
            if await self._answers_rightly(model):
                return model
        self._warn_once(name, version, "does not answer its known request rightly")
        return None

    def _warn_once(self, name: str, version: int, fault: str) -> None:
        if (name, version) not in self._warned:
            self._warned.add((name, version))
            log.warning("model %s: version %d %s", name, version, " ".join(fault.split()))

    async def _answers_rightly(self, model: ServedModel) -> bool:
        spec = model.spec
        try:
            known_kw = await self._server.forecast_kw(model, [spec.known_history], timeout_s=self._timeout_s)
        except ModelFailedError:
            return False
        wanted_kw = spec.known_request.forecast_kw
        return bool(np.allclose(known_kw[0], wanted_kw, rtol=_OF_ITSELF, atol=_TOLERANCE * spec.scale_kw))

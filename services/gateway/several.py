"""The use case for several histories of one call: computed together, answered together."""

import asyncio
from collections.abc import Sequence

from pipelines.errors import InvalidSeriesError
from pipelines.preprocessing.window import Window
from services.core.deadline import Deadline
from services.core.telemetry.calls import caller, note, note_input
from services.gateway.metrics import READ_SECONDS, timed
from services.gateway.predict import EvenSeries, Prediction, Predictor, in_reader, read_window, sha256_of
from services.gateway.quotas import Quotas

Result = Prediction | InvalidSeriesError


async def forecast_all(
    predictor: Predictor, quotas: Quotas, name: str, histories: Sequence[EvenSeries], deadline: Deadline
) -> list[Result]:
    """What follows each history, in their order, or why nothing can be said of it.

    Each counts towards the caller's quota; together they take one place at work, and the model is asked a
    batch at a time. Raises ModelNotFoundError; OverloadedError, OverQuotaError; ModelUnavailableError,
    ModelFailedError for the model; DeadlineError.
    """
    note(name)
    model = predictor.models.for_caller(name, caller())
    quotas.take(caller(), len(histories))
    results: dict[int, Result] = {}
    windows: dict[int, Window] = {}
    async with predictor.admission.place(deadline):
        for place, history in enumerate(histories):
            await asyncio.sleep(0)  # others come between
            try:
                with timed(READ_SECONDS):
                    windows[place] = await read_window(history, model.spec, deadline)
            except InvalidSeriesError as error:
                results[place] = error
        note_input(await in_reader(sha256_of, *histories))
        places, most = list(windows), model.spec.batch_sizes[-1]
        for first in range(0, len(places), most):
            batch = places[first : first + most]
            results |= zip(
                batch, await predictor.ask(model, [windows[place] for place in batch], deadline), strict=True
            )
    for result in results.values():
        if isinstance(result, Prediction):
            note(name, result.model.version)
    return [results[place] for place in range(len(histories))]

"""Many histories over one call."""

import asyncio
import subprocess
import sys
from zoneinfo import ZoneInfo

import grpc
import grpc.aio
import numpy as np
import pytest
from google.rpc import error_details_pb2

from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.series import MAX_VALUE_KW
from tests.data import SAMPLE
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

CSV = SAMPLE.read_bytes()
ENOUGH_S = 60


def request(id_, *, model="gru", scale=1.0):
    """The sample's last week, scaled: every meter of its own."""
    series = read_meter_file(CSV, zone=ZoneInfo("Europe/Berlin"))
    message = pb.ForecastRequest(model=model)
    message.series.start.FromSeconds(int(series.times_s[-672]))
    message.series.kw.extend((series.kw[-672:] * scale).tolist())
    return pb.ForecastStreamRequest(id=id_, request=message)


def kw(forecast):
    return [step.kw for step in forecast.steps]


def test_every_history_is_answered_as_by_a_call_of_its_own(running, metadata):
    sent = [
        request(f"{model}-{i}", model=model, scale=0.5 + i / 50)
        for i in range(50)
        for model in ("gru", "cnn")
    ]
    answers = {
        answer.id: answer
        for answer in running.rpc.ForecastStream(iter(sent), metadata=metadata, timeout=ENOUGH_S)
    }
    assert answers.keys() == {each.id for each in sent}
    for each in sent[::10]:
        alone = running.rpc.Forecast(each.request, metadata=metadata, timeout=ENOUGH_S)
        together = answers[each.id].forecast
        assert (together.model, together.model_version) == (alone.model, alone.model_version)
        assert together.data_until == alone.data_until
        # Batches of other sizes are other kernels: equal but for the last bits.
        assert kw(together) == pytest.approx(kw(alone), rel=1e-4)


def test_a_history_that_cannot_be_forecast_is_told_why_and_the_stream_goes_on(running, metadata):
    faulty = {
        "short": (pb.ForecastStreamRequest(id="short", request=request("").request), "INVALID_HISTORY"),
        "unknown": (request("unknown", model="lstm"), "MODEL_NOT_FOUND"),
        "nothing": (pb.ForecastStreamRequest(id="nothing"), "INVALID_REQUEST"),
        "i" * 129: (request("i" * 129), "INVALID_REQUEST"),
        "huge": (request("huge", scale=2 * MAX_VALUE_KW), "INVALID_HISTORY"),
    }
    del faulty["short"][0].request.series.kw[100:]
    sent = [request("first"), *(message for message, _ in faulty.values()), request("last")]
    answers = {
        answer.id: answer
        for answer in running.rpc.ForecastStream(iter(sent), metadata=metadata, timeout=ENOUGH_S)
    }
    assert {id_ for id_, answer in answers.items() if answer.HasField("forecast")} == {"first", "last"}
    for id_, (_, reason) in faulty.items():
        info = error_details_pb2.ErrorInfo()
        assert answers[id_].error.details[0].Unpack(info)
        assert info.reason == reason


def test_an_empty_stream_ends(running, metadata):
    assert list(running.rpc.ForecastStream(iter([]), metadata=metadata, timeout=ENOUGH_S)) == []


@pytest.mark.parametrize("sent", [None, "Bearer nonsense"])
def test_a_stream_needs_a_token(running, sent):
    bearer = (("authorization", sent),) if sent else ()
    with pytest.raises(grpc.RpcError) as caught:
        list(running.rpc.ForecastStream(iter([request("a")]), metadata=bearer, timeout=ENOUGH_S))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def open_channel(running):
    return grpc.aio.secure_channel(running.demo["grpc"], grpc.ssl_channel_credentials(running.ca))


async def test_who_does_not_read_answers_is_not_read_from(running, metadata):
    """Flow control, not memory, holds a fast sender."""
    written = 0
    async with open_channel(running) as channel:
        call = ForecastServiceStub(channel).ForecastStream(metadata=metadata)

        async def write():
            nonlocal written
            while True:
                await call.write(request(str(written)))
                written += 1

        writing = asyncio.create_task(write())
        before = -1
        async with asyncio.timeout(ENOUGH_S):
            while written != before:  # until it stands still
                before = written
                await asyncio.sleep(2)
        assert written < 20_000  # what fits into the buffers of gRPC, the network and the gateway
        writing.cancel()
        await asyncio.wait([writing])
        call.cancel()


async def test_a_caller_who_leaves_in_the_middle_is_no_bug(running, metadata):
    for _ in range(10):
        async with open_channel(running) as channel:
            requests = [request(str(number)) for number in range(100)]
            call = ForecastServiceStub(channel).ForecastStream(iter(requests), metadata=metadata)
            await call.read()
            call.cancel()
    await asyncio.sleep(0.5)  # for the last of it to be logged
    assert "Traceback" not in (running.folder / "gateway.log").read_text()


async def test_a_stream_ends_soon_after_its_user_is_disabled(breakable):
    token = breakable.login()
    async with open_channel(breakable) as channel:
        call = ForecastServiceStub(channel).ForecastStream(metadata=(("authorization", f"Bearer {token}"),))
        await call.write(request("before"))
        assert (await call.read()).id == "before"
        disable = ["users", "disable", breakable.demo["username"]]
        url = f"sqlite:///{breakable.folder / 'users.db'}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wattgate", *disable, "--database-url", url), stdout=subprocess.DEVNULL
        )
        assert await process.wait() == 0
        async with asyncio.timeout(5 + 2):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_mean_load_far_from_any_seen_is_still_a_number(running, metadata):
    (answer,) = running.rpc.ForecastStream(iter([request("a", scale=0)]), metadata=metadata, timeout=ENOUGH_S)
    assert np.isfinite(kw(answer.forecast)).all()

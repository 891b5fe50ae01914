"""The sink: what leaves, where to, in which order, and that no caller ever waits for it."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from greenroom.messages.contracts import EventSink
from greenroom.messages.events import ActorFailed, ActorStarted, StreamCompleted, StreamFailed, StreamProgress
from greenroom.messages.invalid import InvalidInput
from greenroom.supervision.logging_setup import configure_logging
from greenroom.supervision.scrub import scrubbed
from greenroom.supervision.telemetry import StructlogSink

WITHIN_S = 10.0


@pytest.fixture(autouse=True)
def _structlog_as_it_was() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture
def sink() -> Iterator[StructlogSink]:
    sink = StructlogSink()
    yield sink
    sink.close(WITHIN_S)


class Output:
    """A host's structlog output that can be held up, and that can break."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.breaks = False

    def __call__(self, _logger: Any, method: str, line: Any) -> Any:
        self.entered.set()
        assert self.open.wait(WITHIN_S)
        if self.breaks:
            raise OSError("disk full")
        self.lines.append({"method": method, **line})
        raise structlog.DropEvent

    @property
    def names(self) -> list[str]:
        return [line["event"] for line in self.lines]


@pytest.fixture
def output() -> Output:
    output = Output()
    structlog.configure(processors=[output])
    return output


def progress(number: int) -> StreamProgress:
    return StreamProgress(
        at_s=float(number), stream_id="s", deltas=number, delivered_bytes=0, buffered_bytes=0
    )


def failed(message: str = "the server closed the connection") -> StreamFailed:
    return StreamFailed(
        at_s=1.0, request_id="r-1", stream_id="s-1", provider="openai", model="gpt", error_class="transient",
        message=message, duration_ms=1.0, deltas=3, attempts=2,
    )  # fmt: skip


def test_it_is_an_event_sink(sink: StructlogSink) -> None:
    assert isinstance(sink, EventSink)


def test_an_event_reaches_structlog_with_its_name_and_typed_fields(
    sink: StructlogSink, output: Output
) -> None:
    sink.emit(failed())
    assert sink.flush(WITHIN_S)
    assert output.lines == [
        {
            "method": "warning", "event": "stream.failed", "v": 1, "at_s": 1.0, "request_id": "r-1",
            "stream_id": "s-1", "provider": "openai", "model": "gpt", "error_class": "transient",
            "message": "the server closed the connection", "duration_ms": 1.0, "deltas": 3, "attempts": 2,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "method"),
    [
        (failed(), "warning"),
        (progress(1), "debug"),
        (ActorFailed(at_s=1, kind="stream", incarnation=1, error_type="E", error="x", via="tell"), "error"),
        (StreamCompleted(at_s=1, finish_reason=None, duration_ms=1, ttft_ms=1, deltas=1, attempts=1), "info"),
    ],
)
def test_the_level_is_the_event_s(sink: StructlogSink, output: Output, event: Any, method: str) -> None:
    sink.emit(event)
    sink.flush(WITHIN_S)
    assert output.lines[0]["method"] == method


def test_nothing_is_wanted_but_warnings_until_structlog_is_configured(sink: StructlogSink) -> None:
    assert sink.wants("stream.failed")
    assert not sink.wants("stream.progress")
    assert not sink.wants("actor.started")
    structlog.configure(processors=[Output()])
    assert sink.wants("stream.progress")


def test_a_host_that_turned_the_logger_off_is_not_even_asked(sink: StructlogSink) -> None:
    logger = logging.getLogger("greenroom")
    logger.setLevel(logging.CRITICAL)
    try:
        assert not sink.wants("stream.failed")
    finally:
        logger.setLevel(logging.NOTSET)


def test_without_structlog_warnings_go_to_logging_and_the_rest_nowhere(
    sink: StructlogSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.emit(ActorStarted(at_s=1.0, kind="stream", incarnation=1))
    sink.emit(failed())
    assert sink.flush(WITHIN_S)
    assert [(record.name, record.levelname) for record in caplog.records] == [("greenroom", "WARNING")]
    assert caplog.records[0].getMessage() == (
        "stream.failed request_id=r-1 stream_id=s-1 provider=openai model=gpt error_class=transient "
        "message='the server closed the connection' duration_ms=1.0 deltas=3 attempts=2"
    )


def test_emitting_does_not_wait_for_an_output_that_stands_still(output: Output) -> None:
    sink = StructlogSink(bound=100)
    output.open.clear()
    sink.emit(progress(0))
    assert output.entered.wait(WITHIN_S)
    for number in range(1, 5001):
        sink.emit(progress(number))  # returns while the output is held up: else this test runs into its limit
    assert not sink.flush(0.01)
    output.open.set()
    assert sink.flush(WITHIN_S)
    told = [line for line in output.lines if line["event"] == "telemetry.dropped"]
    kept = [line["deltas"] for line in output.lines if line["event"] == "stream.progress"]
    assert kept == [0, *range(4901, 5001)]
    assert [line["dropped"] for line in told] == [4900]
    assert output.names.index("telemetry.dropped") == 1
    assert sink.close(WITHIN_S)


def test_every_drop_is_counted_when_many_threads_emit(output: Output) -> None:
    sink = StructlogSink(bound=50)
    output.open.clear()

    def emit_many() -> None:
        for number in range(2000):
            sink.emit(progress(number))

    threads = [threading.Thread(target=emit_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN_S)
    output.open.set()
    assert sink.close(WITHIN_S)
    dropped = sum(line["dropped"] for line in output.lines if line["event"] == "telemetry.dropped")
    kept = sum(line["event"] == "stream.progress" for line in output.lines)
    assert kept + dropped == 16_000
    assert kept < 200


def test_a_flush_that_waits_is_not_dropped_with_the_events(output: Output) -> None:
    sink = StructlogSink(bound=10)
    output.open.clear()
    sink.emit(progress(0))
    assert output.entered.wait(WITHIN_S)
    flushed: list[bool] = []
    flushing = threading.Thread(target=lambda: flushed.append(sink.flush(WITHIN_S)))
    flushing.start()
    for number in range(1, 100):
        sink.emit(progress(number))
    output.open.set()
    flushing.join(WITHIN_S)
    assert flushed == [True]
    sink.close(WITHIN_S)


def test_order_is_kept(sink: StructlogSink, output: Output) -> None:
    for number in range(3000):
        sink.emit(progress(number))
    assert sink.flush(WITHIN_S)
    assert [line["deltas"] for line in output.lines] == list(range(3000))


def test_close_writes_what_waits_and_ends_the_thread(output: Output) -> None:
    sink = StructlogSink()
    for number in range(500):
        sink.emit(progress(number))
    assert sink.close(WITHIN_S)
    assert len(output.lines) == 500
    assert not [t for t in threading.enumerate() if t.name == "greenroom-telemetry"]
    sink.emit(progress(1))
    assert not sink.wants("stream.failed")
    assert len(output.lines) == 500
    assert sink.close(WITHIN_S)


def test_close_gives_up_on_an_output_that_never_moves(output: Output) -> None:
    sink = StructlogSink()
    output.open.clear()
    sink.emit(progress(1))
    assert not sink.close(0.01)
    output.open.set()


def test_an_output_that_raises_is_told_of_and_ends_nothing(
    sink: StructlogSink, output: Output, caplog: pytest.LogCaptureFixture
) -> None:
    output.breaks = True
    for number in range(100):
        sink.emit(progress(number))
    assert sink.flush(WITHIN_S)
    output.breaks = False
    sink.emit(progress(7))
    assert sink.flush(WITHIN_S)
    assert [line["deltas"] for line in output.lines] == [7]
    assert caplog.messages[0] == "events could not be written (1 so far): OSError('disk full')"
    assert len(caplog.messages) == 7  # at 1, 2, 4 ... 64 failures


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnop1234", "gsk_abcdefghijklmnop1234", "xai-abcdefghijklmnop1234",
        "AIzaSyA1234567890abcdefghijklmn", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def",
    ],
)  # fmt: skip
def test_a_key_that_a_provider_echoes_is_hidden(sink: StructlogSink, output: Output, secret: str) -> None:
    sink.emit(failed(f"Incorrect API key provided: {secret}. Bearer {secret}"))
    sink.flush(WITHIN_S)
    assert secret not in json.dumps(output.lines)
    assert output.lines[0]["message"] == "Incorrect API key provided: (hidden). Bearer (hidden)"


@pytest.mark.parametrize(
    "text", ["the task-oriented gpt-4o-2024-08-06 said", "r-1", "/requests/s-1/stream", "key-value store"]
)
def test_plain_text_is_left_alone(text: str) -> None:
    assert scrubbed(text) == text


def test_configure_logging_writes_json_lines_to_a_file(sink: StructlogSink, tmp_path: Path) -> None:
    path = tmp_path / "greenroom.jsonl"
    configure_logging(path=path)
    sink.emit(progress(1))
    sink.emit(failed())
    assert sink.flush(WITHIN_S)
    (line,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert (line["event"], line["level"], line["request_id"]) == ("stream.failed", "warning", "r-1")
    assert line["timestamp"].endswith("Z")


def test_configure_logging_takes_the_level_and_text_for_people(sink: StructlogSink, tmp_path: Path) -> None:
    path = tmp_path / "greenroom.log"
    configure_logging(json=False, path=path, level="DEBUG")
    sink.emit(progress(1))
    assert sink.flush(WITHIN_S)
    text = path.read_text()
    assert "stream.progress" in text
    assert "\x1b" not in text


def test_configure_logging_refuses_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"level = 'loud'.*must be one of debug"):
        configure_logging(level="loud")
    with pytest.raises(InvalidInput, match="cannot be written: No such file"):
        configure_logging(path=tmp_path / "no" / "such" / "file")
    assert not structlog.is_configured()


def test_what_waits_is_written_when_the_process_ends_without_close(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    program = f"""
from greenroom.messages.events import ActorStarted
from greenroom.supervision.logging_setup import configure_logging
from greenroom.supervision.telemetry import StructlogSink
configure_logging(path={str(path)!r}, level="debug")
sink = StructlogSink()
for number in range(200):
    sink.emit(ActorStarted(at_s=1.0, kind="probe", incarnation=number))
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=WITHIN_S * 3)
    assert [json.loads(line)["incarnation"] for line in path.read_text().splitlines()] == list(range(200))

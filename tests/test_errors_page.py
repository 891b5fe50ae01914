"""What docs/errors.md says, held against the code."""

import re
from pathlib import Path

from greenroom.messages.completion import Completion
from greenroom.messages.failures import ErrorEvidence, Failure, exception_of
from greenroom.messages.rate_limits import RateLimit, RateLimits
from greenroom.supervision.classifier import is_retryable

PAGE = (Path(__file__).parents[1] / "docs" / "errors.md").read_text()


def test_every_class_has_its_exception_and_says_whether_it_is_tried_again() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (yes|no) \|", PAGE, re.MULTILINE)
    assert len(rows) == 14
    for name, exception, again in rows:
        failure = Failure.model_validate({"error_class": name, "message": "m"})
        assert type(exception_of(failure)).__name__ == exception
        evidence = ErrorEvidence(kind="http", message="m")
        assert is_retryable(evidence, failure.error_class) == (again == "yes"), name


def test_the_fields_of_a_window() -> None:
    table = PAGE.split("| field of a window |")[1].split("\n\n")[0]
    named = set(re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE))
    fields = {field for cell in named for field in re.findall(r"`(\w+)`", cell)}
    assert fields == RateLimit.model_fields.keys() - {"name"}


def test_the_example() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    page: dict[str, object] = {}
    exec(compile(code, "errors.md", "exec"), page)  # noqa: S102
    windows = (RateLimit(name="a", unit="tokens", limit=10, remaining=4), RateLimit(name="b", unit="other"))
    told = Completion(outcome="completed", provider="p", model_asked="m", request_id="r", stream_id="s")
    tightest = page["tightest"]
    assert callable(tightest)
    assert tightest(told) == 1.0
    limits = RateLimits(windows=windows, measured_at=1.0)
    assert tightest(told.model_copy(update={"rate_limits": limits})) == 0.4

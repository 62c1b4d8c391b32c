from __future__ import annotations

import pytest

from rightpack.cli.clock import seconds
from rightpack.cli.control import ask
from rightpack.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "expected"), [("45s", 45), ("90m", 5_400), ("36h", 129_600), ("7d", 604_800), ("4w", 2_419_200)]
)
def test_spans_of_time_are_read(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["7", "d", "1y", "-1d", "1.5d"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="36h"):
        seconds(text)


@pytest.mark.parametrize("endpoint", ["", "https://sagemaker.us-east-1.amazonaws.com"])
def test_the_clock_of_a_real_account_is_never_asked(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)

    with pytest.raises(SettingsError, match="no embedded AWS"):
        ask("_local/clock")

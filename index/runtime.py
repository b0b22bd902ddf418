"""Libraries that report home, or talk, unless they are told not to: loaded silenced."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["load_onnxruntime", "load_sentence_transformer", "quiet_exporter", "silence_hub"]


def load_onnxruntime() -> Any:
    """ONNX Runtime, its telemetry off: since 1.29 the official builds send events to their maker unless told before.

    It reads the environment when its library is loaded; `disable_telemetry_events` alone comes too late for the first.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def load_sentence_transformer() -> Any:
    """The class `SentenceTransformer`, its hub's telemetry and progress bars off."""
    silence_hub()
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as hub_logging

    hub_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return SentenceTransformer


def silence_hub() -> None:
    """Turn the model hub's telemetry off; to be called before transformers or its hub's client is imported."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["DO_NOT_TRACK"] = "1"


@contextlib.contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keep the exporter's advice to its own developers away from our users."""
    root = logging.getLogger()
    previous = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(previous)

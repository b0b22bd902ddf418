"""The chat: a question box, cited quotes, and the source beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ui.app import build_app, launch

__all__ = ["build_app", "launch"]


def __getattr__(name: str) -> Any:
    """Loads the page's module when it is asked for: the command line imports this package for its help."""
    if name in __all__:
        from ui import app

        return getattr(app, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

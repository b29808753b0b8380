"""A page runs its scripts once it has been painted, which may be after it has loaded."""

__all__ = ["READY"]

#: Holds when a page's scripts run, or never will.
READY = "html.no-js, html:not(:has([data-scripts]))"

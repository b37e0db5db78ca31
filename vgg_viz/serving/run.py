"""A script run of the page, or an export, as queues and long computations see it."""


class Run:
    """A script run of the page, or an export, that waits for or computes results.

    This class shows nothing and is never ended, as for an export. The page's own subclass overrides
    the methods. Each may raise to end a run that a newer run of the same page has superseded.
    """

    # Time at which the run began, by `time.perf_counter`. It decides the run's place in every
    # queue. None to join each queue at its end.
    started_at: float | None = None

    def show_waiting(self) -> None:
        """Show that the run waits for others."""

    def clear_status(self) -> None:
        """Remove messages that `show_waiting`, `show_reading` and `show_computing` have shown."""

    def show_reading(self, fraction: float) -> None:
        """Show which fraction (0 to 1) of the dense layers is read."""

    def show_computing(self, fraction: float) -> None:
        """Show which fraction (0 to 1) of a long computation is done."""

    def end_if_superseded(self) -> None:
        """End this run if a newer run of the same page has superseded it."""

    def restart(self) -> None:
        """End this run and start a new run of the page in its place."""

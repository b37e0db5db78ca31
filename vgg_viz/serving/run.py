"""A script run or an export, as the queues and long computations that serve it see it."""


class Run:
    """A run that reports nothing and always finishes, such as an export.

    A script run of the page overrides the methods. They are called while the run waits or
    computes, and may raise to end it.

    Attributes:
        started_at: when the run began, by `time.perf_counter`; it keeps this place in every
            queue. None to take a new place each time.
    """

    started_at: float | None = None

    def show_waiting(self) -> None:
        """Show that the run waits for others; end it if a newer run has superseded it."""

    def clear_status(self) -> None:
        """Remove the messages of the other methods."""

    def show_reading(self, fraction: float) -> None:
        """Report the fraction of the dense layers read (0 to 1); end the run if superseded."""

    def show_computing(self, fraction: float) -> None:
        """Report the fraction of a long computation done (0 to 1); end the run if superseded."""

    def end_if_superseded(self) -> None:
        """End the run if a newer one has superseded it."""

    def restart(self) -> None:
        """End the run and start a new one in its place."""

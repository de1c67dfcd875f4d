"""What a piece of work in a child process gets to see."""

from dataclasses import dataclass

from ftui.core.events import Writer
from ftui.core.home import Job


class Stopped(Exception):
    """The user asked the job to stop."""


@dataclass(frozen=True)
class Context:
    """The job, its options, where to tell what happens, and whether to stop."""

    job: Job
    options: dict
    events: Writer

    def should_stop(self) -> bool:
        return self.job.stop.exists()

    def check(self) -> None:
        """Raise Stopped where it should stop."""
        if self.should_stop():
            raise Stopped

"""What a piece of work in a child process gets to see."""

from dataclasses import dataclass

from ftui.core.events import Writer
from ftui.core.home import Job


@dataclass(frozen=True)
class Context:
    """The job, its options, where to tell what happens, and whether to stop."""

    job: Job
    options: dict
    events: Writer

    def should_stop(self) -> bool:
        return self.job.stop.exists()

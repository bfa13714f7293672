"""Jobs: pipelines as durable workflows, and what is told while they run."""

from wheatstone.jobs.events import Follower, Progress
from wheatstone.jobs.runtime import Runtime

__all__ = ["Follower", "Progress", "Runtime"]

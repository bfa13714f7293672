"""Jobs: pipelines as durable workflows, and what is told while they run."""

from wheatstone.jobs.events import Follower, Progress, place
from wheatstone.jobs.intake import CallBack, Wish
from wheatstone.jobs.runtime import Runtime
from wheatstone.jobs.sources import Known, Link, Source, Upload

__all__ = ["CallBack", "Follower", "Known", "Link", "Progress", "Runtime", "Source", "Upload", "Wish", "place"]

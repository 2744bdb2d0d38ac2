"""How often a trainer saves, reports, looks for requests and sends heartbeats."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.runs.metrics.log import STEP_LINE_SECONDS
from core.runs.status import HEARTBEAT_SECONDS, LOST_AFTER_SECONDS


@dataclass(frozen=True)
class Intervals:
    """In seconds; a share is one part in so many of the time."""

    report: float = STEP_LINE_SECONDS  # between step lines
    control: float = 0.1  # between looks at requests
    # Early saves let a viewer see the first pictures; later ones bound what a kill can cost.
    first_save: float = 2.0
    last_save: float = 15.0
    save_share: float = 50.0
    # A slow disk makes saves rare, but what a kill costs is bounded: a third of what was trained, or this.
    bounded_loss: float = 10.0
    # A slow disk makes heartbeats rare, but another host must hear them.
    heartbeat: float = HEARTBEAT_SECONDS
    longest_heartbeat: float = LOST_AFTER_SECONDS / 3
    heartbeat_share: float = 50.0
    retry: float = 1.0  # after the disk refused a save
    # Before a time limit: for the end of a process, and for what the slowest save and step took, so many times.
    ending: float = 3.0
    ending_saves: float = 2.0
    ending_steps: float = 2.0

    def among(self, runs: int) -> Intervals:
        """For each of so many runs of one process, which share its disk and all wait for a save that is asked for."""
        return replace(
            self,
            save_share=self.save_share * runs,
            heartbeat_share=self.heartbeat_share * runs,
            ending_saves=self.ending_saves * runs,
        )

    def save_interval(self, trained: float, cost: float) -> float:
        """Between saves after so many seconds of training, where the last save took `cost` seconds."""
        interval = min(max(trained / 10, self.first_save), self.last_save)
        return max(interval, min(self.save_share * cost, max(self.bounded_loss, trained / 3)))

    def heartbeat_interval(self, cost: float) -> float:
        """Between heartbeats, where writing the last one took `cost` seconds."""
        return min(max(self.heartbeat, self.heartbeat_share * cost), self.longest_heartbeat)

    def ending_time(self, save: float, step: float) -> float:
        """What saving and ending may take, where the slowest save and step took so many seconds."""
        return self.ending + self.ending_saves * save + self.ending_steps * step

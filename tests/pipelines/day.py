"""A day of operation in minutes: the clock is moved, and whatever Dagster's daemon would start then runs to its end.

Schedules are asked for their own times, sensors are looked at as often as the day has looks, events land as the gateway
lands them, people put policies in force. Nothing is pretended but the time and the daemon's loop.
"""

from __future__ import annotations

import gc
import json
import random
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._utils.schedules import cron_string_iterator

from assets.desk import Desk
from assets.ingest import Upstream
from assets.webhooks import Landing
from pipelines.build import build_defs, silent_logger
from pipelines.policy import load_policy
from pipelines.schedules import SCHEDULES
from pipelines.sensors import landed_webhooks, stale_days
from pipelines.watch import watch
from resources.landing import Event, Lander
from resources.settings import Settings
from resources.warehouse import policies
from resources.warehouse.checks import Proof, prove
from resources.warehouse.connection import Warehouse
from rules.policy import parse_policy, shipped_policy_text
from sandbox.world import World

NARRATIONS = (
    "NIP/GTB/{name} LTD/PAYMENT FOR INVOICE INV-{number}",
    "TRF FROM {name}/BIRTHDAY GIFT",
    "NIP/ZENITH/{name} VENTURES/SUPPLY OF CEMENT",
    "POS PURCHASE {name} STORES {number}",
)
NAMES = ("ADEBAYO", "OKONKWO", "BELLO", "ETIM", "DANJUMA", "NWOSU")


@dataclass
class MovedClock:
    """A clock that stands where it is put."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment.astimezone(UTC)


@dataclass(frozen=True)
class Look:
    """What one look of the day cost."""

    cpu_seconds: float
    """Until all that had landed was decided."""
    resident: int
    """Bytes in memory afterwards."""


@dataclass
class Day:
    """One day of one installation."""

    settings: Settings
    warehouse: Warehouse
    world: World
    instance: dg.DagsterInstance
    clock: MovedClock
    events: int
    looks: int
    lasts: timedelta = timedelta(days=1)
    seed: int = 7
    seen: list[Look] = field(default_factory=list)
    landed: int = 0
    again: int = 0
    ran: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def live(self) -> None:
        """Live through the day: schedules are due when they say, policies change after a third and two thirds of it."""
        begins, step = self.clock.moment, self.lasts / self.looks
        due = sorted(self._scheduled(begins, begins + self.lasts), key=lambda each: each[0])
        for number in range(self.looks):
            until = begins + step * (number + 1)
            if number in (self.looks // 3, 2 * self.looks // 3):
                self._change_policy(number)
            self._land(self.events * (number + 1) // self.looks - self.events * number // self.looks)
            began = time.process_time()
            while due and due[0][0] <= until:
                moment, job, config = due.pop(0)
                self.clock.moment = moment
                self.run(job, config)
            self.clock.moment = until
            self._look_around()
            spent = time.process_time() - began
            gc.collect()
            self.seen.append(Look(spent, _resident()))

    def proof(self) -> Proof:
        """All checks over all days."""
        with self.warehouse.read() as con:
            return prove(con, None, self.clock.now())

    def _look_around(self) -> None:
        """Look as the daemon does until there is nothing to do."""
        for _ in range(20):
            asked = [self._ask(landed_webhooks, "webhooks"), self._ask(stale_days, "decide")]
            watch(dg.build_sensor_context(instance=self.instance), **self._for("settings", "warehouse", "clock"))
            if not any(asked):
                return
        raise AssertionError("the sensors go on asking for runs")

    def _ask(self, sensor: dg.SensorDefinition, job: str) -> bool:
        names = {"webhooks": ("landing", "clock"), "decide": ("warehouse", "policy", "clock")}[job]
        found = sensor(dg.build_sensor_context(instance=self.instance), **self._for(*names))
        if not isinstance(found, dg.RunRequest):
            return False
        self.run(job, found.run_config, found.tags)
        return True

    def run(self, job: str, config: Any = None, tags: Any = None) -> None:
        """Run a job to its end, and note how that was."""
        given = {**self._given, "policy": load_policy(self.settings, self.warehouse), "desk": Desk()}
        definitions = build_defs(given, loggers={"console": silent_logger})
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            run_config={"loggers": {"console": {}}, **(config or {})},
            tags=dict(tags or {}),
            raise_on_error=False,
        )
        self.ran.append(job)
        if not result.success:
            steps = [event.step_failure_data for event in result.all_events if event.is_step_failure]
            self.failed += [f"{job}: {step.error and step.error.to_string()}" for step in steps]

    def _for(self, *names: str) -> dict[str, Any]:
        given = {**self._given, "policy": load_policy(self.settings, self.warehouse)}
        return {name: given[name] for name in names}

    @cached_property
    def _given(self) -> dict[str, Any]:
        return {
            "settings": self.settings,
            "warehouse": self.warehouse,
            "landing": Landing.of(self.settings),
            "upstream": Upstream.of(self.settings),
            "clock": self.clock,
        }

    def _scheduled(self, begins: datetime, ends: datetime) -> Iterator[tuple[datetime, str, Any]]:
        for schedule in SCHEDULES:
            cron, zone = str(schedule.cron_schedule), schedule.execution_timezone
            for moment in cron_string_iterator(begins.timestamp(), cron, zone):
                if moment > ends:
                    break
                context = dg.build_schedule_context(scheduled_execution_time=moment)
                for request in schedule.evaluate_tick(context).run_requests or ():
                    yield moment, schedule.job_name, request.run_config

    def _change_policy(self, number: int) -> None:
        text = shipped_policy_text().replace('NGN = "1000"', f'NGN = "{1_000 + number}"')
        policy = parse_policy(text, "the day's policy")
        now = self.clock.now()
        changed = self.warehouse.write(
            lambda con: policies.activate(con, policy, by="ada", why="the day", now=now), run_id="day", note="activate"
        )
        assert changed

    def _land(self, count: int) -> None:
        """Land events: new lines, lines that settle or are corrected, some asks to pull; each tenth a second time."""
        chance = random.Random(f"{self.seed}/{self.landed}/{self.again}")
        for _ in range(count):
            body = json.dumps(self._event(chance)).encode()
            self._put(body)
            if chance.random() < 0.1:
                self.again += 1
                assert not self._put(body)

    def _put(self, body: bytes) -> bool:
        new = Lander(self.settings.landing).land(Event.of(body), "hmac", now=self.clock.now())
        self.landed += new
        self.clock.moment += timedelta(microseconds=10)
        return new

    def _event(self, chance: random.Random) -> dict[str, Any]:
        account = chance.choice(self.world.account_ids)
        told: dict[str, Any] = {"event_id": f"evt-{self.landed}", "timestamp": self.clock.now().isoformat()}
        if chance.random() < 0.002:
            data = {"account": {"_id": account}, "meta": {"data_status": "AVAILABLE"}}
            return {**told, "event": "mono.events.account_updated", "data": data}
        number = chance.randrange(max(1, self.landed)) if chance.random() < 0.2 else self.landed
        line = random.Random(f"{self.seed}/line/{number}")
        booked = self.clock.now() - timedelta(days=line.randrange(3), hours=1)
        row = {
            "id": f"day-{number}",
            "amount": line.randrange(10_000, 90_000_000),
            "type": line.choice(["credit", "credit", "debit"]),
            "narration": line.choice(NARRATIONS).format(name=line.choice(NAMES), number=line.randrange(900)),
            "date": booked.isoformat(),
            "status": "pending" if number == self.landed and line.random() < 0.2 else "settled",
        }
        account = line.choice(self.world.account_ids)
        kind = "settled" if row["status"] == "settled" else "updated"
        return {**told, "event": f"transaction.{kind}", "data": {"account": account, "transaction": row}}


def _resident() -> int:
    """Bytes of this process in memory now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()

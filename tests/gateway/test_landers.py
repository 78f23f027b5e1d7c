"""Work on the landing folder: all of it is done, by few threads or many, and whoever waits is told."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from gateway import landers
from gateway.landers import FEW, Landers


def test_everything_asked_for_is_done_and_told_to_whoever_asked() -> None:
    async def ask() -> list[int]:
        crew = Landers()
        told = await asyncio.gather(*(crew.do(lambda number=number: number * number) for number in range(500)))
        crew.close()
        return told

    assert asyncio.run(ask()) == [number * number for number in range(500)]


def test_what_fails_is_told_and_the_others_go_on() -> None:
    async def ask() -> list[object]:
        crew = Landers()
        told = await asyncio.gather(crew.do(lambda: 1 / 0), crew.do(lambda: 2), return_exceptions=True)
        crew.close()
        return list(told)

    failed, done = asyncio.run(ask())
    assert isinstance(failed, ZeroDivisionError)
    assert done == 2


def test_one_who_waited_and_went_keeps_nobody_from_being_served() -> None:
    async def ask() -> str:
        crew, free = Landers(), threading.Event()
        gone = [asyncio.create_task(crew.do(free.wait)) for _ in range(FEW)]
        await asyncio.sleep(0)
        for each in gone:
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each
        free.set()
        told = await crew.do(lambda: "served")
        crew.close()
        return told

    assert asyncio.run(ask()) == "served"


def test_whoever_still_waits_when_the_threads_are_let_go_is_told() -> None:
    async def ask() -> list[object]:
        crew, free = Landers(), threading.Event()
        asked = [asyncio.create_task(crew.do(free.wait)) for _ in range(FEW + 2)]
        await asyncio.sleep(0)
        free.set()
        crew.close()
        with pytest.raises(RuntimeError, match="let go"):
            await crew.do(lambda: 1)
        return list(await asyncio.gather(*asked, return_exceptions=True))

    told = asyncio.run(ask())
    assert all(each is True or isinstance(each, asyncio.CancelledError) for each in told)
    assert True in told


@pytest.mark.parametrize(("slow_from", "at_once"), [(0.0, 6), (60.0, FEW)])
def test_many_wait_side_by_side_for_a_slow_disk_and_few_for_a_quick_one(
    monkeypatch: pytest.MonkeyPatch, slow_from: float, at_once: int
) -> None:
    monkeypatch.setattr(landers, "SLOW_SECONDS", slow_from)
    meeting = threading.Barrier(6)

    def meet() -> bool:
        try:
            meeting.wait(0.5)
        except threading.BrokenBarrierError:
            return False
        return True

    async def ask() -> list[bool]:
        crew = Landers()
        for _ in range(8):
            await crew.do(lambda: None)
        told = await asyncio.gather(*(crew.do(meet) for _ in range(6)))
        crew.close()
        return told

    assert asyncio.run(ask()) == [at_once == 6] * 6

"""Our own surface: what others are told, under `/v1/deliveries`."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from wheatstone import storage
from wheatstone.server.dependencies import RuntimeDependency
from wheatstone.server.problems import PROBLEMS
from wheatstone.storage import DeliveryStatus
from wheatstone.wire import Delivery, DeliveryPage, Replayed

router = APIRouter(prefix="/v1/deliveries", tags=["Deliveries"], responses=PROBLEMS)


@router.get("")
async def get_deliveries(
    runtime: RuntimeDependency,
    *,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    status: Annotated[list[DeliveryStatus], Query(description="Only those with one of these.")] = [],  # noqa: B006
) -> DeliveryPage:
    """Webhooks and callbacks, the oldest first."""
    found = await asyncio.to_thread(runtime.deliveries.store.page, limit, status)
    return DeliveryPage(deliveries=[_described(delivery) for delivery in found])


@router.post("/replay")
async def replay_all(runtime: RuntimeDependency) -> Replayed:
    """Begin anew with all that were given up."""
    return Replayed(replayed=await asyncio.to_thread(runtime.deliveries.replay_all))


@router.post("/{delivery_id}/replay")
async def replay(delivery_id: str, runtime: RuntimeDependency) -> Delivery:
    """Begin anew with one that was given up; any other stays as it is."""
    return _described(await asyncio.to_thread(runtime.deliveries.replay, delivery_id))


def _described(delivery: storage.Delivery) -> Delivery:
    return Delivery(
        id=delivery.id,
        kind=delivery.kind,
        event=delivery.event,
        job_id=delivery.task_id,
        receiver=delivery.receiver,
        status=delivery.status,
        attempts=delivery.attempts,
        error=delivery.last_error,
        next_attempt_at=delivery.next_attempt_at,
        created_at=delivery.created_at,
        finished_at=delivery.finished_at,
    )

"""The use cases: what Runferry does, whichever door it is asked through."""

from runferry.service.connections import ConnectRequest
from runferry.service.doctor import Report, Step
from runferry.service.events import Event, EventBus, Subscription
from runferry.service.modes import ModeRequest
from runferry.service.service import Service
from runferry.service.views import (
    ConnectionView,
    Freshness,
    Listing,
    RunDetail,
    RunView,
    StatusView,
    SyncView,
)

__all__ = [
    "ConnectRequest",
    "ConnectionView",
    "Event",
    "EventBus",
    "Freshness",
    "Listing",
    "ModeRequest",
    "Report",
    "RunDetail",
    "RunView",
    "Service",
    "StatusView",
    "Step",
    "Subscription",
    "SyncView",
]

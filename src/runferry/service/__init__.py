"""The use cases: what Runferry does, whichever door it is asked through."""

from runferry.service.connections import ConnectRequest
from runferry.service.curves import Axis, CurveQuery, CurveView, PointsPage, TextCurve
from runferry.service.doctor import Report, Step
from runferry.service.events import Event, EventBus, Subscription
from runferry.service.modes import ModeRequest
from runferry.service.service import Service
from runferry.service.views import (
from runferry.service.reindex import ReindexView
from runferry.service.series import MissingRun, RunSeries
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
    "Axis",
    "Event",
    "EventBus",
    "CurveQuery",
    "CurveView",
    "Freshness",
    "Listing",
    "ModeRequest",
    "Report",
    "LogMessage",
    "LogPage",
    "LogQuery",
    "LogStart",
    "MissingRun",
    "RunDetail",
    "PointsPage",
    "ReindexView",
    "RunView",
    "Service",
    "RunSeries",
    "StatusView",
    "Step",
    "Subscription",
    "SyncView",
]
    "TextCurve",

"""The use cases: what Runferry does, whichever door it is asked through."""

from runferry.service.connections import ConnectRequest
from runferry.service.curves import Axis, CurveQuery, CurveView, PointsPage, TextCurve
from runferry.service.demo import DemoView, OpenStage, Stage
from runferry.service.doctor import Report, Step
from runferry.service.events import Event, EventBus, Subscription
from runferry.service.log_follower import LogMessage, LogStart
from runferry.service.logs import LogPage, LogQuery
from runferry.service.modes import ModeRequest
from runferry.service.reindex import ReindexView
from runferry.service.series import MissingRun, RunSeries
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
    "Axis",
    "ConnectRequest",
    "ConnectionView",
    "CurveQuery",
    "CurveView",
    "DemoView",
    "Event",
    "EventBus",
    "Freshness",
    "Listing",
    "LogMessage",
    "LogPage",
    "LogQuery",
    "LogStart",
    "MissingRun",
    "ModeRequest",
    "OpenStage",
    "PointsPage",
    "ReindexView",
    "Report",
    "RunDetail",
    "RunSeries",
    "RunView",
    "Service",
    "Stage",
    "StatusView",
    "Step",
    "Subscription",
    "SyncView",
    "TextCurve",
]

"""The REST API: routes, shapes, limits and the guard in front of them. The service does all the work."""

from runferry.api.build import build_api
from runferry.api.guard import Guard
from runferry.api.legacy_ssh import DeprecationHeaders
from runferry.api.limits import RateLimits
from runferry.api.neighbours import CONNECTION, Neighbours
from runferry.api.token import Admission, TokenGate

__all__ = [
    "CONNECTION",
    "Admission",
    "DeprecationHeaders",
    "Guard",
    "Neighbours",
    "RateLimits",
    "TokenGate",
    "build_api",
]

"""The Python client of a running Runferry: what its API offers, typed. It imports nothing of the server.

from runferry import Client

with Client() as ferry:
    ferry.connect("me@gpu1")
    ferry.sync("/data/runicorn")
    for run in ferry.runs("status:running"):
        print(run.key, run.best_metric_value)
"""

from runferry.client.client import Client
from runferry.client.http import ApiError, NoServer
from runferry.client.run import Run
from runferry.client.values import Artifact, Connection, Download, Item, Points, RemoteFile

__all__ = [
    "ApiError",
    "Artifact",
    "Client",
    "Connection",
    "Download",
    "Item",
    "NoServer",
    "Points",
    "RemoteFile",
    "Run",
]

"""What lies on the servers' disks, and what of it is worth copying: bytes and names in, values out."""

from runferry.formats import runicorn, runicorn_events
from runferry.formats.base import METADATA_LIMIT, Has, Reader, find_reader
from runferry.formats.series import SeriesReader
from runferry.formats.unwanted import skip_reason

__all__ = ["METADATA_LIMIT", "READERS", "SERIES_READERS", "Has", "Reader", "SeriesReader", "find_reader", "skip_reason"]

READERS: tuple[Reader, ...] = (runicorn,)
"""Every format that is known, in the order in which they are asked."""

SERIES_READERS: tuple[SeriesReader, ...] = (runicorn_events,)
"""Every format of files that hold series."""

"""What lies on the servers' disks, and what of it is worth copying: bytes and names in, values out."""

from runferry.formats import runicorn
from runferry.formats.base import METADATA_LIMIT, Has, Reader, find_reader
from runferry.formats.unwanted import skip_reason

__all__ = ["METADATA_LIMIT", "READERS", "Has", "Reader", "find_reader", "skip_reason"]

READERS: tuple[Reader, ...] = (runicorn,)
"""Every format that is known, in the order in which they are asked."""

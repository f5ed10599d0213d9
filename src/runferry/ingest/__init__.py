"""From files of the local copy to the index: documents become runs and artifacts, event files become series."""

from runferry.ingest.documents import DOCUMENT_LIMIT, Ingest, IngestResult, SyncSource

__all__ = ["DOCUMENT_LIMIT", "Ingest", "IngestResult", "SyncSource"]

"""The schema's history, for Alembic: one file per revision in ``versions``. Nothing but the schema.

A new revision: change ``store.tables``, add a file to ``versions``, set ``HEAD``; tests compare the three.
"""

HEAD = "0006"
"""The newest revision, known without loading Alembic: a database that is there already opens at once."""

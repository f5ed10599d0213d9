"""A directory tree somewhere, read-only: one contract (``base``), several ways to keep it."""

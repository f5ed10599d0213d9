"""The local index (SQLite) and the local files. Knows nothing of networks, formats or the API."""

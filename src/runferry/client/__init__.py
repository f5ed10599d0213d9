"""The Python client of a running Runferry: what the API offers, typed. It imports nothing of the server."""

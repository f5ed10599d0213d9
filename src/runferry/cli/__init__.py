"""The ``runferry`` command. It talks to the REST API as any other client does, and keeps nothing of its own."""

"""Connecting over SSH: who we are, whom we talk to, and links that come back. It knows nothing of files."""

"""Decoders of the containers that tools write into: bytes in, records out. They know nothing of runs."""

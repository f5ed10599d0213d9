"""Reproducible benchmarks against rsync, ``ssh cat`` and an SFTP walk: ``python -m bench``. They judge no build."""

"""Serves the pages people see: the start page and the API's documentation, offline. It answers no data itself."""

from runferry.web.pages import install_pages

__all__ = ["install_pages"]

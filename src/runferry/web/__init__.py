"""Serves the pages people see: the start page and the API's documentation, offline. It answers no data itself."""

from runferry.web.pages import LOGIN_FILES, install_pages, make_login_page

__all__ = ["LOGIN_FILES", "install_pages", "make_login_page"]

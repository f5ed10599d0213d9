"""The web app in a real browser, on a real server and a real sshd."""

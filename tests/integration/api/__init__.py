"""The REST API over a real socket, a real service and, where it connects, Debian's sshd."""

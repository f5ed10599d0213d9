"""The real ``runferry`` command against Debian's real sshd."""

"""What comes of roots that the real tools wrote, and of runs that go on, through a whole Runferry process."""

"""Bytes of strangers, changed at random: a moment in the suite, as long as one likes with scripts/fuzz."""

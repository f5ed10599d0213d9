"""One benchmark each: ``run(lab)`` measures and returns a ``Result``."""

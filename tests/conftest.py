"""For all tests: hypothesis looks for wrong values, and a busy machine is none."""

from hypothesis import settings

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

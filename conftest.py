"""What holds for every test."""

from hypothesis import settings

# A machine that compiles a kernel meanwhile, or that others share, is slow, not wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

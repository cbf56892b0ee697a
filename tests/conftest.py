"""Settings that hold for every test."""

from hypothesis import settings

settings.register_profile("homeport", deadline=None, print_blob=True)
settings.load_profile("homeport")

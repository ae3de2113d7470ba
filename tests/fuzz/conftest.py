"""`make fuzz` tries each property long and with another seed each time, `make test` for a second."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "long",
    settings.get_profile("default"),
    max_examples=50_000,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=False,
)

"""Why there is no figure."""


class BenchError(Exception):
    """A run failed, or did not do all that it was measured for; the text says what. Nothing is reported then."""

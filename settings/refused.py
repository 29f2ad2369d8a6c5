"""How a check of one value says no."""


class Refused(ValueError):
    """A value is not acceptable: `problem` says why, `allowed` what would be."""

    def __init__(self, problem: str, allowed: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.allowed = allowed

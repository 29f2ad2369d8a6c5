"""Names of what is made anew with each identity of the cluster."""


def of_identity(name: str, mark: str) -> str:
    """The name, with the identity's mark behind it (see identities.identity_mark)."""
    return f"{name}-{mark}" if mark else name


def mark_of_generation(generation: int) -> str:
    """An access key's mark: its number from the second on, so that what the first one has keeps the names of before keys had
    numbers."""
    return "" if generation == 1 else str(generation)


def of_generation(name: str, generation: int) -> str:
    """The name of what there is once for each access key."""
    return of_identity(name, mark_of_generation(generation))

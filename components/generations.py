"""Names of what is made anew with each access key."""


def of_generation(name: str, generation: int) -> str:
    """The name, with the key's number behind it from the second on: what the first key has keeps the names of before keys had
    numbers."""
    return name if generation == 1 else f"{name}-{generation}"

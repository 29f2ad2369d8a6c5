def handler(event, context):
    if event.get("raise"):
        raise ValueError("asked to")
    return {"got": event}

from datetime import datetime


def run_feed(feed_id: int, *, now: datetime) -> None: ...

"""What an upstream says while a call runs, made safe to hand on."""

from mcp_proxy.core.answer import Event, Log, Progress
from mcp_proxy.core.text import clean, clean_value


def clean_event(event: Event) -> Event:
    """Progress and log messages with their strings cleaned (S14, S25)."""
    if isinstance(event, Progress):
        text = event.message
        return event if text is None else event._replace(message=clean(text))
    logger = None if event.logger is None else clean(event.logger)
    return Log(event.level, logger, clean_value(event.data))

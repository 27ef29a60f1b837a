"""Where this program broke: a place in its code, never the error's text, which may hold a value."""


def place_of(error: Exception) -> str:
    """Module and line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"

"""What is taken of a limit of an installed profile, as stats and the report tell it."""

from typing import NamedTuple


class Budget(NamedTuple):
    """One limit in its window now; `words` is the limit as the profile has it.

    Of a limit that is counted apart by an argument's values, `values` is of how many, and `taken`
    what the one has taken that took most. `ends_s` is when the window ends, seconds of the epoch.
    """

    profile: str
    tool: str
    rule: str
    words: str
    taken: int
    at_most: int
    ends_s: float
    values: int

"""Text that comes from outside, made fit to be shown: on one line, short, nothing in it that could act."""

QUOTED_CHARACTERS = 60


def plain(text: str) -> str:
    """On one line; what cannot be printed (control codes, text-direction marks) becomes a sign for it."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


def quoted(value: object) -> str:
    """What somebody wrote, in quotes, for an error message; of a long text the beginning."""
    text = str(value)
    shown = plain(text[:QUOTED_CHARACTERS])
    return f"'{shown}'" if len(text) <= QUOTED_CHARACTERS else f"'{shown}...'"

"""A page of HTML that needs nothing but itself, in the reader's light or dark theme."""

from html import escape

from fairpoll.text import plain

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body{{font:15px/1.5 Helvetica,Arial,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#000;
background:#fff}}@media(prefers-color-scheme:dark){{body{{color:#e2e1d7;background:#1c2227}}}}
table{{margin:1em 0;max-width:none!important}}</style></head><body><h1>{title}</h1>{body}</body></html>
"""


def html_page(title: str, body: str) -> str:
    """The page; `body` is HTML already."""
    return _PAGE.format(title=escape(plain(title)), body=body)

"""The league: many consumers, each in its own group, judged on the same traffic and set side by side.

contestants -> runs -> rows -> pages
(examples)     (one recording a batch)  (figures of each)  (league.md, .html, .json)
"""

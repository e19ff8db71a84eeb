"""The league: many consumers, each in its own group, judged on the same traffic and compared.

contestants -> runs -> rows -> pages
(examples)     (one recording a batch)  (figures of each)  (league.md, .html, .json)
"""

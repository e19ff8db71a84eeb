"""How the files of a recording become one: DuckDB loads them, a strict reader decides on every odd line."""

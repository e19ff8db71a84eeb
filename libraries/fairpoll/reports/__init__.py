"""What people and programs read: verdicts, charts, tables, pages."""

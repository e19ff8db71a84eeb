"""A run whose parts are on several machines: how they agree, and hand in their evidence."""

"""The traffic of a scenario, produced on its schedule, with the ledger of what was acked."""

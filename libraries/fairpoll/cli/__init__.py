"""The `fairpoll` command, a module for each group of subcommands."""

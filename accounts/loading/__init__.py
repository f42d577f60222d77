"""Where accounts come from: tables, another mail system, a directory, a renamed domain."""

"""People and their mailboxes: how they come in, help themselves, are helped and looked after."""

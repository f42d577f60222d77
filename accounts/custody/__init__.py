"""Who is responsible for the mailboxes of organisations, and their hand-over."""

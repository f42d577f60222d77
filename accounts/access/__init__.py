"""Who comes in, and how often anybody may try."""

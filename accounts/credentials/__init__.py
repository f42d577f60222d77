"""The only doors by which an account changes; each puts the change on record and tells of it."""

"""The hotline: find somebody, see how they stand, help."""

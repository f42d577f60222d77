"""The reports of IT: coverage, codes, help given, and the days they are drawn from."""

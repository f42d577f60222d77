"""The campaign against default passwords: its rules, its figures, its pages."""

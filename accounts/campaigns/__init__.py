"""The campaigns against default passwords and for phone numbers: rules, figures, pages."""

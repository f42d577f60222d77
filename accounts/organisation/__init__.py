"""The office: its units, the roles of its staff, its domains, and other addresses of accounts."""

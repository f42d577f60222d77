"""An app before Django's own, two of whose commands it replaces: accounts, one by one."""

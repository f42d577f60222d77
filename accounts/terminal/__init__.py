"""An app before Django's own: its commands that change accounts, by the portal's doors."""

"""The way in for newcomers: a printed slip, then a number, its code, a password."""

"""What civil servants do for themselves: get a password back, keep the number current."""

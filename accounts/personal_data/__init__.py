"""What is stored about a person: shown, given away as a file, corrected or erased on request."""

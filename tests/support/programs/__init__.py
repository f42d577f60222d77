"""Real programs beside the portal: servers of mail, directories and databases, and itself."""

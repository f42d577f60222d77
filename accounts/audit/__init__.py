"""The audit trail as a whole: its chain, verified and pruned."""

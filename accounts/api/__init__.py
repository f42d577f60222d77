"""What IT's own programs ask and do over HTTP, with tokens that IT gives them (docs/api.md)."""

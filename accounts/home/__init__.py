"""The first page of the staff: how the portal stands, and what waits for somebody."""

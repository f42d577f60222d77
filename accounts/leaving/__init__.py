"""Who leaves the office: shut on a day, their mail forwarded or refused."""

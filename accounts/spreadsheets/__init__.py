"""Tables from outside and for outside, as CSV and XLSX."""

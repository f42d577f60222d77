"""What every page is made of: kinds of requests, forms, and the fields that staff type into."""

"""The metrics of the portal in Prometheus's text format, for who has METRICS_TOKEN."""

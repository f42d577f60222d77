"""Single sign-on: an OpenID Connect provider for the office's own webmail."""

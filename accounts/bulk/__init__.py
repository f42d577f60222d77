"""What is done with many accounts at once: asked for, queued, done by a process of its own."""

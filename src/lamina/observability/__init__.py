"""What can be seen of a running server: counts and durations, requests and their spans; how each is written. Pure."""

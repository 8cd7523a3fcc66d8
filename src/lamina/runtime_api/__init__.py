"""What talks to the server from inside an environment: the Runtime, Extensions, Telemetry and Logs API."""

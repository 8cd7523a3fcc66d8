"""What runs in the companions' process: moto behind a socket, and the journal that outlives it. Nobody imports it."""

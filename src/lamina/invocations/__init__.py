"""One call of a function: its payload, its deadline, what came of it and how that is told, its retries."""

"""How a server holds out: much in one catalog, many callers at once, hours of work. docs/RELIABILITY.md has figures."""

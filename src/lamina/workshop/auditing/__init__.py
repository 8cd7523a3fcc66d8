"""Known vulnerabilities of what layers hold: from a file of them, or from the tools of each language that know some."""

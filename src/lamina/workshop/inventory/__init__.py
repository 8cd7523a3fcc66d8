"""What layers hold of others' software, its licences, and what it depends on: a bill of materials."""

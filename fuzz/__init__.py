"""Coverage-guided fuzzing of what strangers' bytes reach first."""

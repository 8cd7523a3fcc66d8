"""Making layers visible to the editor, type checker and test runner of a project, and undoing it."""

"""Functions and their versions: what a create, an update or an activation makes of one, and how it is shown. Pure."""

"""Running a handler with layers that lie about as folders, on a server that is there for nothing else."""

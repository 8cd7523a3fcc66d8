"""Roll-outs: who consumes a layer version, the plan that moves them, the next step of it, the way back. Pure."""

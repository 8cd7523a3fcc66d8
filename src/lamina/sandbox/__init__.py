"""What a sandbox is made of, on the host's side: plans, filters, control groups, /tmp, and what this machine offers."""

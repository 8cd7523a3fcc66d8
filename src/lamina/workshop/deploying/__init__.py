"""Deploying templates of CloudFormation and SAM: to this machine's server, or to any endpoint."""

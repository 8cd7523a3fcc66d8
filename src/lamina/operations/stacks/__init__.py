"""CloudFormation: stacks carried out, by the operations that anybody else would call."""

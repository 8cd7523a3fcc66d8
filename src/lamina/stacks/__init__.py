"""CloudFormation without a machine: what a template says, in which order that is to be done, and what a change changes.

Values are JSON's: dicts, lists, texts, numbers, truth values. Nothing here knows how a resource is made.
"""

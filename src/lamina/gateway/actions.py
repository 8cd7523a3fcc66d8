"""What a request to a service beside Lambda asks for, read without that service's model, on the careful side. Pure.

Protocols tell the operation in a header, in a form, or by path and method; whoever may not do everything must not
choose which of them is believed. So all that could be read as an operation counts, and where nothing can, method and
path do.
"""

from __future__ import annotations

from urllib.parse import unquote

from lamina.accounts.policies import action_of_rest
from lamina.companions import Question
from lamina.companions.owning import members


def permissions_of(question: Question, service: str) -> frozenset[str]:
    """Every permission that *question* to *service* may take, such as "sns:Publish"; at least one."""
    by_path = frozenset((action_of_rest(service, question.method, question.query),))
    if service == "s3":
        return by_path
    names = {value for name, value in members(question) if name == "Action"}
    target = question.header("x-amz-target")
    if target is not None:
        names.add(target.rpartition(".")[2])
    told = frozenset(f"{service}:{name}" for name in names)
    # Queues have paths, and are told in forms what to do with them. Of slashes it is all one how many there are.
    if told and (service == "sqs" or not unquote(question.path).strip("/")):
        return told
    return told | by_path

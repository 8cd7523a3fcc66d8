"""The services beside Lambda that tools for infrastructure ask for: S3, IAM, STS, SSM, ECR, SQS, SNS, EventBridge.

They are not ours: moto answers for them, in a process of its own that begins with the first question and ends with
this one, however that ends. What changes something there is kept in a journal, and done again by the next process
(docs/decisions/0022-companions-are-asked-again.md). `child` is what runs in that process; nothing here imports it.
"""

from __future__ import annotations

from lamina.companions.clients import Clients
from lamina.companions.companions import Companions
from lamina.companions.messages import Arrival, Question, Reply, Trigger
from lamina.companions.queues import AT_ONCE_MAX, QueueRefused, Queues

__all__ = ["AT_ONCE_MAX", "Arrival", "Clients", "Companions", "Question", "QueueRefused", "Queues", "Reply", "Trigger"]

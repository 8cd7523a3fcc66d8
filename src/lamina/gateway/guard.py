"""Who calls a server that has accounts: found by the key, and believed once the signature of the request is right.

Nothing is done for a request, and nothing of it kept, before that. Whoever is told by `look` is the one whose key
`check` verifies: both read the same claim.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from lamina.accounts import AccountsFile, Identity, Policy, Register, check_allowed
from lamina.accounts.policies import resource_of
from lamina.companions import Question
from lamina.environments.variables import Credentials
from lamina.errors import ApiError, too_many_requests
from lamina.functions.urls import Signer
from lamina.gateway import actions, chunks, function_urls
from lamina.gateway.callers import Caller, caller_of, region_of
from lamina.gateway.failures import Failures
from lamina.gateway.messages import Refusal, Request
from lamina.gateway.proved import proves_itself
from lamina.gateway.sessions import Sessions
from lamina.gateway.signatures import (
    Claim,
    Signed,
    check_claim,
    check_signature,
    claim_of,
    is_signed,
    mismatch,
    unrecognized,
)
from lamina.gateway.wording import worded
from lamina.invocations.admission import CALLERS
from lamina.names import Scope

# Longer bodies are hashed on a thread.
HASHED_ON_LOOP_BYTES_MAX: Final = 256 * 1024
# They tell that the server is there, and which; balancers ask for them, and sign nothing.
# The page of metrics asks for a proof of its own.
_OPEN: Final = frozenset(("/_lamina/health", "/_localstack/health", "/_lamina/metrics"))
# Of what somebody calls a key, so much is shown in the log: as long as keys are.
_KEY_LETTERS: Final = 20
_log = logging.getLogger(__name__)


class Guard:
    """Knows callers by *accounts*, and by the sessions that these have begun, which *secret* seals.

    What comes from an address of too many *failures* is refused before anything of it is verified.
    """

    def __init__(self, accounts: AccountsFile, secret: bytes, failures: Failures | None = None) -> None:
        self._failures = failures or Failures()
        self._accounts = accounts
        self._sessions = Sessions(secret)

    def organization(self, account: str) -> str:
        """The organisation that *account* is a member of; empty where it is of none."""
        return self._accounts.register.organization(account) or ""

    def look(self, request: Request, default: Scope) -> Caller:
        """Who *request* claims to come from; of a key that nobody has, and of none, nobody in *default*."""
        try:
            claim = claim_of(request.headers, request.query)
        except ApiError:
            return Caller(default, caller_of(request.headers, request.query, default).service)
        found = _whose(claim, self._accounts.register, self._sessions)
        identity = None if found is None else found[1]
        account = default.account if identity is None else identity.account
        return Caller(Scope(account, region_of(claim.region, default)), claim.service, identity)

    def opens(self, request: Request) -> bool:
        """Whether *request* is one that needs no signature."""
        return proves_itself(request) or (request.method in ("GET", "HEAD") and request.path in _OPEN)

    def refusal(self, request: Request) -> Refusal | None:
        """Why the rest of *request*, of which only the beginning is there, need not be waited for."""
        if self.opens(request) or function_urls.addressed(request) is not None:
            return None
        try:
            claim = claim_of(request.headers, request.query)
            self._check_tries(claim, request)
            with self._counted(claim, request):
                self._check_claim(claim, request)
        except ApiError as error:
            return Refusal(error.status, error.code, error.message)
        return None

    async def check(self, request: Request, caller: Caller, threads: Executor, ours: str | None = None) -> None:
        """Returns if *request* comes from *caller*, whom `look` told; with *ours*, for that service of this server.

        Raises ApiError in the front door's words. Large bodies are hashed on *threads*.
        """
        try:
            await self._check(request, caller, threads, ours)
        except ApiError as error:
            raise worded(error, caller.service, request.headers) from None

    async def _check(self, request: Request, caller: Caller, threads: Executor, ours: str | None) -> None:
        claim = claim_of(request.headers, request.query)
        self._check_tries(claim, request)
        with self._counted(claim, request):
            await self._verify(claim, request, caller, threads, ours)
        self._failures.right(request.peer, claim.access_key)

    async def _verify(
        self, claim: Claim, request: Request, caller: Caller, threads: Executor, ours: str | None
    ) -> None:
        key, identity = self._check_claim(claim, request)
        if identity != caller.identity:
            # It has become another's in between.
            raise unrecognized()
        if ours is not None and claim.service != ours:
            # What S3 alone may leave unsigned would be so for others.
            message = f"Credential should be scoped to correct service: '{ours}'."
            raise ApiError("InvalidSignatureException", 403, message, None)
        digest = await _digest(request, threads)
        check_signature(claim, Signed(request.method, request.path, request.query, request.headers, digest), key)
        told = request.headers.get("x-amz-content-sha256", "")
        if claim.is_s3 and told.startswith("STREAMING-AWS4-"):
            if told not in (chunks.PREFIX, chunks.WITH_TRAILER):
                raise mismatch()
            trailer = told == chunks.WITH_TRAILER
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(
                threads, lambda: chunks.check_chunks(request.body(), claim, key, trailer=trailer)
            )

    async def url_signer(self, request: Request, threads: Executor) -> Signer:
        """Whoever rightly signed *request* to a function URL, and may call such; which signature it needs, if any,
        its own configuration says.
        """
        nobody = Signer()
        if not is_signed(request.headers, request.query):
            return nobody
        caller = self.look(request, Scope("", ""))
        try:
            await self._check(request, caller, threads, "lambda")
            self.permit(caller, "lambda", "InvokeFunctionUrl", {}, request.headers)
        except ApiError:
            return nobody
        identity = caller.identity
        assert identity is not None, "a signature that is right is somebody's"
        key = claim_of(request.headers, request.query).access_key
        return Signer(identity.account, self.organization(identity.account), key, identity.arn, identity.id)

    def permit(
        self, caller: Caller, service: str, operation: str, parameters: Mapping[str, Any], headers: Mapping[str, str]
    ) -> None:
        """Raise AWS's refusal unless the policy of *caller*'s key includes *operation* of *service*."""
        identity = caller.identity
        if identity is None or identity.policy is Policy.FULL:
            return
        try:
            resource = resource_of(service, caller.scope, parameters)
            check_allowed(identity.policy, identity.arn, f"{service}:{operation}", resource)
        except ApiError as error:
            raise worded(error, service, headers) from None

    def begun(self, answer: bytes, holder: Identity) -> bytes:
        """*answer* of STS to *holder*; the credentials in it, if it has any, are known here from now on."""
        return self._sessions.begun(answer, holder)

    def permit_beside(self, caller: Caller, service: str, question: Question) -> None:
        """Raise AWS's refusal unless *caller* may ask *question* of *service*, beside Lambda."""
        identity = caller.identity
        assert identity is not None, "nobody gets here without a signature"
        headers = dict(question.headers)
        try:
            for permission in sorted(actions.permissions_of(question, service)):
                check_allowed(identity.policy, identity.arn, permission, "*")
        except ApiError as error:
            raise worded(error, service, headers) from None

    def _check_tries(self, claim: Claim, request: Request) -> None:
        """Raise AWS's refusal of those who ask too often where *request* comes from an address of many failures."""
        if self._failures.may_try(request.peer, claim.access_key):
            return
        if claim.service == "lambda":
            raise too_many_requests("Rate Exceeded.", CALLERS)
        raise ApiError("ThrottlingException", 429, "Rate exceeded", None)

    @contextmanager
    def _counted(self, claim: Claim, request: Request) -> Iterator[None]:
        try:
            yield
        except ApiError:
            if self._failures.failed(request.peer, claim.access_key):
                _log.warning(
                    "%s has sent as many wrong signatures as it may, the last by the key %r: for a while its requests "
                    "are answered with 429, but for those by keys that were right; "
                    "LAMINA_MAX_FAILED_SIGNATURES is the limit",
                    request.peer,
                    claim.access_key[:_KEY_LETTERS],
                )
            raise

    def _check_claim(self, claim: Claim, request: Request) -> tuple[Credentials, Identity]:
        """The key that *claim* names, if it can be good now, and whose it is."""
        found = _whose(claim, self._accounts.register, self._sessions)
        if found is None:
            raise unrecognized()
        key, identity, expires = found
        now = datetime.now(UTC)
        check_claim(claim, request.headers, key, now)
        if expires is not None and now > expires:
            message = "The security token included in the request is expired"
            raise ApiError("ExpiredTokenException", 403, message, None)
        return key, identity


def _whose(
    claim: Claim, register: Register, sessions: Sessions
) -> tuple[Credentials, Identity, datetime | None] | None:
    """The key that *claim* names, whose it is, and when it ends."""
    found = register.key(claim.access_key)
    if found is not None:
        key, identity = found
        return Credentials(key.id, key.secret, ""), identity, None
    session = sessions.find(claim.access_key, claim.token)
    if session is None:
        return None
    account = register.account(session.account)
    user = None if account is None else account.user(session.user)
    if user is None:
        return None
    return session.key, Identity(session.account, user.name, user.policy, session.arn, session.id), session.expires


async def _digest(request: Request, threads: Executor) -> str:
    if request.intake is not None:
        return await asyncio.get_running_loop().run_in_executor(threads, request.intake.sha256)
    if request.body_bytes <= HASHED_ON_LOOP_BYTES_MAX:
        return hashlib.sha256(request.body()).hexdigest()
    return await asyncio.get_running_loop().run_in_executor(threads, _hashed, request)


def _hashed(request: Request) -> str:
    digest = hashlib.sha256()
    for piece in request.pieces:
        digest.update(piece)
    return digest.hexdigest()

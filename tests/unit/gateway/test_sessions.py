"""A session is known by its own token, to every server with the secret that sealed it, and to no other."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from lamina.accounts import Identity, Policy
from lamina.gateway.sessions import Sessions

pytestmark = pytest.mark.anybody

HOLDER = Identity("111122223333", "admin", Policy.FULL, "arn:aws:iam::111122223333:user/admin", "AIDA")
ANSWER = (
    b"<AssumeRoleResponse><AssumeRoleResult><Credentials><SessionToken>moto&#39;s</SessionToken>"
    b"<SecretAccessKey>moto/s</SecretAccessKey><Expiration>2026-11-22T01:00:00Z</Expiration>"
    b"<AccessKeyId>ASIAEXAMPLE</AccessKeyId></Credentials><AssumedRoleUser>"
    b"<Arn>arn:aws:sts::111122223333:assumed-role/r/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId>"
    b"</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
)
SECRET = b"secret of this server"


def told(answer: bytes) -> dict[str, str]:
    return dict(re.findall(r"<(\w+)>([^<]+)</", answer.decode()))


def test_what_sts_hands_out_is_known_after_a_restart() -> None:
    members = told(Sessions(SECRET).begun(ANSWER, HOLDER))
    found = Sessions(SECRET).find("ASIAEXAMPLE", members["SessionToken"])
    assert found is not None
    assert found.key.secret_access_key == members["SecretAccessKey"] != "moto/s"
    assert found.key.session_token == members["SessionToken"]
    assert (found.account, found.user) == (HOLDER.account, HOLDER.user)
    assert (found.arn, found.id) == ("arn:aws:sts::111122223333:assumed-role/r/s", "AROA:s")
    assert found.expires == datetime(2026, 11, 22, 1, tzinfo=UTC)
    # All else is as the service said it.
    assert {**members, "SecretAccessKey": "", "SessionToken": ""} == {
        **told(ANSWER), "SecretAccessKey": "", "SessionToken": "",
    }  # fmt: skip


def test_what_was_changed_or_sealed_by_another_is_no_session() -> None:
    token = told(Sessions(SECRET).begun(ANSWER, HOLDER))["SessionToken"]
    sessions = Sessions(SECRET)
    assert Sessions(b"another").find("ASIAEXAMPLE", token) is None
    assert sessions.find("ASIAANOTHER", token) is None
    for wrong in ("", "moto's", "é", token[:-1], token[:40], token + "=", token + "\n", token.removeprefix("FQo")):
        assert sessions.find("ASIAEXAMPLE", wrong) is None, wrong
    for place in range(13, len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert sessions.find("ASIAEXAMPLE", changed) is None, place


def test_who_asks_who_he_is_is_told_so() -> None:
    answer = (
        b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::111122223333:user/moto</Arn>"
        b"<UserId>AKIAIOSFODNN7EXAMPLE</UserId><Account>111122223333</Account></GetCallerIdentityResult>"
        b"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
    answered = Sessions(SECRET).begun(answer, HOLDER)
    assert told(answered) == {"Arn": HOLDER.arn, "UserId": HOLDER.id, "Account": HOLDER.account, "RequestId": "r"}
    assert len(answered) == len(answer) + len(HOLDER.arn + HOLDER.id) - len(
        "arn:aws:sts::111122223333:user/motoAKIAIOSFODNN7EXAMPLE"
    )


def test_an_answer_without_credentials_stays_as_it_is() -> None:
    for answer in (b"", b"<Error><Code>AccessDenied</Code></Error>", b"<Credentials><AccessKeyId>A</AccessKeyId>"):
        assert Sessions(SECRET).begun(answer, HOLDER) == answer

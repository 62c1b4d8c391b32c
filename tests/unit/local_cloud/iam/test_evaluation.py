from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.iam.evaluation import Decision, Need, Policies, decide
from local_cloud.iam.policies import Caller, statements
from local_cloud.wire import AwsError, NotSimulatedError

ROLE = "arn:aws:iam::123456789012:role/reader"
CALLER = Caller("arn:aws:sts::123456789012:assumed-role/reader/now", ROLE)
EVENTS = Caller(service="events.amazonaws.com")
OBJECT = "arn:aws:s3:::shop/drops/a.parquet"
READ = Need("s3:GetObject", OBJECT)
GENERAL = (("aws:securetransport", "true"), ("aws:principalarn", ROLE))


def document(*found: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(found)})


def allow(action: Any = "s3:GetObject", resource: Any = OBJECT, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(**more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "*", "Resource": "*", **more}


def judged(*found: dict[str, Any], need: Need = READ, resource: str = "", caller: Caller = CALLER) -> Decision:
    identity = (("permissions", document(*found)),) if found else ()
    return decide(caller, need, Policies(identity, resource), GENERAL)


def test_what_nobody_allows_is_denied_in_the_words_of_aws() -> None:
    decision = judged()

    assert not decision.allowed
    assert decision.reason == "because no identity-based policy allows the s3:GetObject action"


def test_an_allowing_statement_is_told_so_that_the_others_can_be_found_unused() -> None:
    decision = judged(allow(Sid="Other", resource="*", action="s3:PutObject"), allow(Sid="Read"))

    [match] = decision.matched
    assert (match.policy, match.place, match.sid, match.action) == ("permissions", 1, "Read", "s3:GetObject")


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("s3:*", "*", True),
        ("S3:getobject", OBJECT, True),
        ("s3:Get*", "arn:aws:s3:::shop/*", True),
        ("s3:GetObjec?", "arn:aws:s3:::sho?/drops/*.parquet", True),
        ("s3:GetObjectVersion", OBJECT, False),
        ("s3:GetObject", "arn:aws:s3:::shop", False),
        ("s3:GetObject", "arn:aws:s3:::shop/Drops/*", False),
        (["s3:PutObject", "s3:GetObject"], ["arn:aws:s3:::else/*", OBJECT], True),
        ("s3:GetObject", "arn:aws:s3:::shop/[a-z]*", False),
    ],
)
def test_wildcards_stand_for_any_text_and_for_one_character(action: Any, resource: Any, allowed: bool) -> None:
    assert judged(allow(action, resource)).allowed is allowed


def test_not_action_allows_all_other_actions() -> None:
    others = {"Effect": "Allow", "NotAction": "s3:Delete*", "Resource": "*"}

    assert judged(others).allowed
    assert not judged(others, need=Need("s3:DeleteObject", OBJECT)).allowed


def test_not_resource_allows_all_other_resources() -> None:
    others = {"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::shop/secret/*"}

    assert judged(others).allowed
    assert not judged(others, need=Need("s3:GetObject", "arn:aws:s3:::shop/secret/key")).allowed


def test_an_explicit_denial_beats_every_permission() -> None:
    decision = judged(allow("*", "*"), deny(Sid="Never"))

    assert not decision.allowed
    assert decision.explicit
    assert "explicit deny" in decision.reason
    assert "Never" in decision.reason


def test_a_denial_whose_condition_does_not_hold_denies_nothing() -> None:
    insecure = deny(Condition={"Bool": {"aws:SecureTransport": "false"}})

    assert judged(allow(), insecure).allowed


def test_a_resource_policy_alone_lets_a_role_of_the_account_in() -> None:
    policy = document({**allow("s3:*"), "Principal": {"AWS": ROLE}})

    assert judged(resource=policy).allowed
    assert not judged(resource=policy.replace("role/reader", "role/somebody")).allowed


def test_a_resource_policy_can_shut_a_role_out() -> None:
    assert not judged(allow("*", "*"), resource=document({**deny(), "Principal": "*"})).allowed


def test_trust_in_the_account_leaves_it_to_the_roles_own_policies() -> None:
    policy = document({**allow("s3:*"), "Principal": {"AWS": "arn:aws:iam::123456789012:root"}})

    assert not judged(resource=policy).allowed
    assert judged(allow(), resource=policy).allowed


def test_a_service_is_let_in_by_the_resource_alone_and_for_the_source_that_is_named() -> None:
    source = "arn:aws:events:us-east-1:123456789012:rule/dropped"
    named = {"ArnEquals": {"aws:SourceArn": source}}
    policy = document({**allow("sqs:SendMessage", "*"), "Principal": {"Service": EVENTS.service}, "Condition": named})

    def sent(by: str, caller: Caller = EVENTS) -> bool:
        need = Need("sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:q", (("aws:sourcearn", (by,)),))
        return judged(need=need, resource=policy, caller=caller).allowed

    assert sent(source)
    assert not sent(source.replace("dropped", "other"))
    assert not sent(source, Caller(service="sns.amazonaws.com"))


def test_a_permissions_boundary_limits_what_policies_allow() -> None:
    policies = Policies((("permissions", document(allow("*", "*"))),), "", document(allow("s3:Get*", "*")))

    assert decide(CALLER, READ, policies, GENERAL).allowed
    assert not decide(CALLER, Need("s3:PutObject", OBJECT), policies, GENERAL).allowed


def test_policy_variables_are_filled_from_the_request() -> None:
    own = allow("s3:GetObject", "arn:aws:s3:::shop/${s3:prefix}/*")

    assert judged(own, need=Need("s3:GetObject", "arn:aws:s3:::shop/a/b", (("s3:prefix", ("a",)),))).allowed
    assert not judged(own, need=Need("s3:GetObject", "arn:aws:s3:::shop/a/b")).allowed


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("no policy", "MalformedPolicyDocument"),
        (document({"Effect": "Perhaps", "Action": "*", "Resource": "*"}), "MalformedPolicyDocument"),
    ],
)
def test_what_is_no_policy_is_refused(text: str, error: str) -> None:
    with pytest.raises(AwsError) as found:
        statements(text)
    assert found.value.code == error


def test_an_element_that_nobody_carries_out_is_refused() -> None:
    with pytest.raises(NotSimulatedError, match="NotPrincipal"):
        statements(document(deny(NotPrincipal={"AWS": ROLE})))

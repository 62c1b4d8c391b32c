"""Who may do what: every call of a role, and everything a service does for one, is judged and recorded here."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from enum import StrEnum

from local_cloud import backends
from local_cloud.account import ACCOUNT, REGION
from local_cloud.iam import directory
from local_cloud.iam.evaluation import Decision, Need, Policies, decide
from local_cloud.iam.needs import of_operation, of_request
from local_cloud.iam.policies import Caller
from local_cloud.iam.record import Record
from local_cloud.inbound import Inbound
from local_cloud.wire import AwsError, Call, Json, NotSimulatedError

LOG = logging.getLogger(__name__)
_ROOT = f"arn:aws:iam::{ACCOUNT}:root"
_CODES = {
    "s3": "AccessDenied",
    "sts": "AccessDenied",
    "iam": "AccessDenied",
    "sqs": "AccessDenied",
    "sns": "AuthorizationError",
}


class Mode(StrEnum):
    """Whether a denial is listed, or also carried out."""

    RECORD = "record"
    ENFORCE = "enforce"


class Authority:
    """Judges needs by the policies that moto keeps. The account's administrator may do everything and is not noted."""

    def __init__(self, mode: Mode = Mode.RECORD) -> None:
        self.mode = mode
        self.record = Record()

    def check(self, call: Call, request: Inbound) -> None:
        """Judge a request as it came in; raises `AwsError` (AccessDenied) in enforce mode."""
        if call.principal == _ROOT:
            return
        try:
            needed = of_request(request)
        except NotSimulatedError as error:
            needed = [self._unknown(call, error)]
        self._require(self._caller(call.principal), needed, call.service)

    def check_operation(self, call: Call, request: Json) -> None:
        """Judge a request that one of our services makes in the name of a role."""
        if call.principal != _ROOT:
            needed = of_operation(call.service, call.action, request)
            self._require(self._caller(call.principal), needed, call.service)

    def require(self, principal: str, *needed: Need) -> None:
        """Judge what a service does in the name of a role, given by its ARN.

        Raises:
            AwsError: AccessDenied, in enforce mode.
        """
        if principal != _ROOT:
            self._require(self._caller(principal), needed, needed[0].action.partition(":")[0])

    def require_service(self, service: str, source: str, *needed: Need) -> None:
        """Judge by a resource's own policy what an AWS service does there, on behalf of the resource `source`.

        Raises:
            AwsError: AccessDenied, in enforce mode.
        """
        caller = Caller(service=service)
        context = (("aws:sourcearn", (source,)), ("aws:sourceaccount", (ACCOUNT,)))
        whole = [Need(need.action, need.resource, need.context + context) for need in needed]
        self._require(caller, whole, needed[0].action.partition(":")[0])

    def require_trust(self, role_arn: str, *, service: str) -> None:
        """Check that a role lets a service of this account take it on.

        Raises:
            AwsError: AccessDenied, in enforce mode.
        """
        role = directory.find_role(role_arn)
        if role is None:
            return  # whoever asks for the session says so
        caller = Caller(service=service)
        context = (("aws:sourceaccount", (ACCOUNT,)),)
        need = Need("sts:AssumeRole", role_arn, context)
        decision = decide(caller, need, Policies((), directory.trust(role)), _general(caller))
        self._settle(caller, need, decision, "sts")

    def require_assumable(self, principal: str, role_arn: str) -> None:
        """Check that a principal may take on a role: trust in the account alone needs a policy of the principal, too.

        Raises:
            AwsError: AccessDenied, in enforce mode.
        """
        role = directory.find_role(role_arn)
        if principal == _ROOT or role is None:
            return
        caller, need = self._caller(principal), Need("sts:AssumeRole", role_arn)
        account = Caller(arn=_ROOT, role=_ROOT)
        trusted = decide(caller, need, Policies((), directory.trust(role)), _general(caller))
        through = decide(account, need, Policies((), directory.trust(role)), _general(caller))
        own = self._decide(caller, need)
        self._settle(caller, need, own if through.allowed and not trusted.allowed else trusted, "sts")

    def allows(self, principal: str, need: Need, more: Mapping[str, tuple[str, ...]] | None = None) -> Decision:
        """What the policies say, without a trace in the record; `more` are further condition keys in lower case."""
        caller = self._caller(principal)
        whole = Need(need.action, need.resource, need.context + tuple((more or {}).items()))
        return self._decide(caller, whole)

    def report(self) -> Json:
        """Everything that was found, as a document."""
        roles = {role.name: directory.identity_policies(role) for role in list(backends.iam().roles.values())}
        return {
            "mode": self.mode,
            "judged": self.record.judged,
            "denials": self.record.denials(),
            "unused": self.record.unused(roles),
            "used": self.record.used(),
        }

    def _require(self, caller: Caller, needed: Iterable[Need], service: str) -> None:
        for need in needed:
            self._settle(caller, need, self._decide(caller, need), service)

    def _decide(self, caller: Caller, need: Need) -> Decision:
        if need.resource == "?":
            return Decision(False, need.action)
        resource = directory.resource_policy(need.resource) if need.resource != "*" else ""
        role = directory.find_role(caller.role) if caller.role else None
        if role is None:
            return decide(caller, need, Policies((), resource), _general(caller))
        policies = Policies(directory.identity_policies(role), resource, directory.boundary(role))
        return decide(caller, need, policies, _general(caller))

    def _settle(self, caller: Caller, need: Need, decision: Decision, service: str) -> None:
        new = self.record.add(caller, need, decision)
        if decision.allowed:
            return
        text = denied(caller, need, decision)
        if new:
            LOG.warning("%s", text)
        if self.mode is Mode.ENFORCE:
            raise AwsError(_CODES.get(service, "AccessDeniedException"), text, 403 if service == "s3" else 400)

    def _caller(self, principal: str) -> Caller:
        role = directory.find_role(principal) if principal.startswith("arn:") else None
        return Caller(principal, role.arn if role is not None else "")

    @staticmethod
    def _unknown(call: Call, error: NotSimulatedError) -> Need:
        """A need that nobody can have, so that an operation without a line in the table is seen."""
        return Need(f"{call.service}:{call.action} ({error.message})", "?")


def denied(caller: Caller, need: Need, decision: Decision) -> str:
    """The sentence with which AWS refuses."""
    who = f"Service: {caller.service}" if caller.service else f"User: {caller.arn}"
    return f"{who} is not authorized to perform: {need.action} on resource: {need.resource} {decision.reason}"


def _general(caller: Caller) -> tuple[tuple[str, str], ...]:
    """Condition keys of every request here; the connection counts as encrypted, though loopback needs no TLS."""
    common = (
        ("aws:securetransport", "true"),
        ("aws:requestedregion", REGION),
        ("aws:resourceaccount", ACCOUNT),
        ("aws:sourceip", "127.0.0.1"),
    )
    if caller.service:
        return (*common, ("aws:principalisawsservice", "true"))
    return (*common, ("aws:principalarn", caller.role or caller.arn), ("aws:principalaccount", ACCOUNT))

"""The Condition element: every operator of IAM but BinaryEquals; one that is not known is refused, never ignored."""

from __future__ import annotations

import datetime as dt
import ipaddress
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud.iam.patterns import Context, filled, matches
from local_cloud.wire import AwsError, NotSimulatedError

Test = Callable[[str, str], bool]  #: value of the request, value of the policy

#: Condition keys that requests here have or rightly lack. Any other could make a statement hold or fail by accident.
KNOWN_KEYS = frozenset(
    {
        *("aws:currenttime", "aws:epochtime", "aws:securetransport", "aws:requestedregion", "aws:sourceip"),
        *("aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:principalserviceName".lower()),
        *("aws:principalisawsservice", "aws:principalorgid", "aws:resourceaccount", "aws:userid", "aws:username"),
        *("aws:sourcearn", "aws:sourceaccount", "aws:sourceowner", "aws:sourceorgid", "aws:viaawsservice"),
        *("aws:calledvia", "aws:multifactorauthpresent", "aws:sourcevpc", "aws:sourcevpce", "sts:externalid"),
        *("sts:rolesessionname", "iam:passedtoservice", "iam:associatedresourcearn", "cloudwatch:namespace"),
        *("s3:prefix", "s3:delimiter", "s3:max-keys", "s3:x-amz-server-side-encryption", "s3:x-amz-acl"),
        *(
            "s3:x-amz-server-side-encryption-aws-kms-key-id",
            "s3:resourceaccount",
            "kms:viaservice",
            "kms:calleraccount",
        ),
        *("sns:protocol", "sns:endpoint", "redshift-data:statement-owner-iam-userid", "lambda:functionarn"),
        *("s3:tlsversion", "s3:signatureversion", "token.actions.githubusercontent.com:sub"),
        "token.actions.githubusercontent.com:aud",
    }
)


def _number(test: Callable[[float, float], bool]) -> Test:
    return lambda found, wanted: test(float(found), float(wanted))


def _date(test: Callable[[float, float], bool]) -> Test:
    return lambda found, wanted: test(_epoch(found), _epoch(wanted))


def _epoch(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return dt.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _address(found: str, wanted: str) -> bool:
    return ipaddress.ip_address(found) in ipaddress.ip_network(wanted, strict=False)


def _arn(found: str, wanted: str) -> bool:
    parts, patterns = found.split(":", 5), wanted.split(":", 5)
    if len(patterns) != len(parts):
        return wanted == "*"
    return all(matches(pattern, part) for pattern, part in zip(patterns, parts, strict=True))


_TESTS: Mapping[str, Test] = {
    "StringEquals": operator.eq,
    "StringEqualsIgnoreCase": lambda found, wanted: found.lower() == wanted.lower(),
    "StringLike": lambda found, wanted: matches(wanted, found),
    "NumericEquals": _number(operator.eq),
    "NumericLessThan": _number(operator.lt),
    "NumericLessThanEquals": _number(operator.le),
    "NumericGreaterThan": _number(operator.gt),
    "NumericGreaterThanEquals": _number(operator.ge),
    "DateEquals": _date(operator.eq),
    "DateLessThan": _date(operator.lt),
    "DateLessThanEquals": _date(operator.le),
    "DateGreaterThan": _date(operator.gt),
    "DateGreaterThanEquals": _date(operator.ge),
    "Bool": lambda found, wanted: found.lower() == wanted.lower(),
    "IpAddress": _address,
    "ArnEquals": _arn,
    "ArnLike": _arn,
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of one operator, e.g. `ForAnyValue:StringLikeIfExists` on `aws:SourceArn`."""

    test: str
    negated: bool
    quantifier: str  # "", ForAnyValue or ForAllValues
    if_exists: bool
    key: str
    wanted: tuple[str, ...]

    def holds(self, context: Context) -> bool:
        """Whether a request with these condition keys fulfils the condition."""
        found = context.get(self.key, ())
        if self.test == "Null":
            return str(not found).lower() in {text.lower() for text in self.wanted}
        if not found:
            return self.if_exists or self.quantifier == "ForAllValues" or (self.negated and not self.quantifier)
        each = [self._fits(value, context) is not self.negated for value in found]
        return any(each) if self.quantifier == "ForAnyValue" else all(each)

    def _fits(self, value: str, context: Context) -> bool:
        wanted = [text for raw in self.wanted if (text := filled(raw, context)) is not None]
        try:
            return any(_TESTS[self.test](value, text) for text in wanted)
        except ValueError:  # no number, date or address: fits nothing
            return False


def conditions(element: Any) -> tuple[Condition, ...]:
    """Read a Condition element.

    Raises:
        AwsError: MalformedPolicyDocument.
        NotSimulatedError: An operator or a condition key that is not known here.
    """
    if not isinstance(element, Mapping):
        raise AwsError("MalformedPolicyDocument", f"The condition {element!r} is no block of operators.")
    return tuple(
        _condition(name, key, wanted) for name, block in element.items() for key, wanted in dict(block).items()
    )


def _condition(name: str, key: str, wanted: Any) -> Condition:
    quantifier, _, rest = name.rpartition(":")
    if_exists = rest.endswith("IfExists")
    plain = rest.removesuffix("IfExists")
    test = _NEGATED.get(plain, plain)
    if quantifier not in {"", "ForAnyValue", "ForAllValues"} or (test not in _TESTS and test != "Null"):
        raise NotSimulatedError(f"the condition operator {name!r} of a policy")
    if key.lower() not in KNOWN_KEYS:
        raise NotSimulatedError(f"the condition key {key!r} of a policy")
    return Condition(test, plain in _NEGATED, quantifier, if_exists, key.lower(), texts(wanted))


def texts(value: Any) -> tuple[str, ...]:
    """One value or a list of values, as text."""
    many: Sequence[Any] = value if isinstance(value, list) else [value]
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in many)

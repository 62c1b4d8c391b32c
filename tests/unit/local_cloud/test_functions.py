from __future__ import annotations

import base64
import io
import json
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import LocalCloud

Make = Callable[..., str]

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture(scope="module")
def role(cloud: LocalCloud) -> str:
    return str(cloud.client("iam").create_role(RoleName="runner", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"])


@pytest.fixture
def make(cloud: LocalCloud, role: str, zipped: Callable[[str], bytes]) -> Make:
    """Create a function from source and give its name."""

    def create(source: str, **options: Any) -> str:
        name = f"fn-{uuid.uuid4().hex[:8]}"
        settings: dict[str, Any] = {"Runtime": "python3.12", "Handler": "handler.handler", "Timeout": 20} | options
        cloud.client("lambda").create_function(
            FunctionName=name, Role=role, Code={"ZipFile": zipped(source)}, **settings
        )
        return name

    return create


def _invoke(cloud: LocalCloud, name: str, event: Any = None, **options: Any) -> tuple[Any, str | None]:
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
    return json.loads(answer["Payload"].read() or b"null"), answer.get("FunctionError")


def _log(cloud: LocalCloud, name: str) -> list[str]:
    found = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return [event["message"] for event in found]


def test_function_sees_its_event_environment_and_role(cloud: LocalCloud, make: Make) -> None:
    source = """
import os, boto3
def handler(event, context):
    identity = boto3.client("sts").get_caller_identity()["Arn"]
    return {"event": event, "mine": os.environ["MINE"], "region": os.environ["AWS_REGION"], "arn": identity,
            "name": context.function_name, "left": context.get_remaining_time_in_millis() > 1000}
"""
    name = make(source, Environment={"Variables": {"MINE": "yes"}})

    answer, error = _invoke(cloud, name, {"a": 1})

    assert error is None
    assert answer == {
        "event": {"a": 1},
        "mine": "yes",
        "region": "us-east-1",
        "arn": f"arn:aws:sts::123456789012:assumed-role/runner/{name}",
        "name": name,
        "left": True,
    }


def test_process_stays_warm_between_invocations(cloud: LocalCloud, make: Make) -> None:
    name = make(
        "import os\ncount = 0\ndef handler(e, c):\n    global count; count += 1\n    return [os.getpid(), count]"
    )

    (first, _), (second, _) = _invoke(cloud, name), _invoke(cloud, name)

    assert (first[0], first[1] + 1) == (second[0], second[1])


def test_changed_environment_gets_a_new_process(cloud: LocalCloud, make: Make) -> None:
    name = make("import os\ndef handler(e, c): return os.environ.get('V')")
    assert _invoke(cloud, name) == (None, None)

    cloud.client("lambda").update_function_configuration(FunctionName=name, Environment={"Variables": {"V": "2"}})

    assert _invoke(cloud, name) == ("2", None)


def test_changed_code_is_what_runs_next(cloud: LocalCloud, make: Make, zipped: Callable[[str], bytes]) -> None:
    name = make("def handler(e, c): return 1")
    assert _invoke(cloud, name) == (1, None)

    cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=zipped("def handler(e, c): return 2"))

    assert _invoke(cloud, name) == (2, None)


def test_exception_is_a_function_error_with_its_type(cloud: LocalCloud, make: Make) -> None:
    name = make("def handler(e, c): raise KeyError('label_id')")

    answer, error = _invoke(cloud, name)

    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("KeyError", "'label_id'")


def test_function_over_its_timeout_is_ended_and_says_so(cloud: LocalCloud, make: Make) -> None:
    name = make("import time\ndef handler(e, c):\n    time.sleep(e)\n    return 'done'", Timeout=1)

    answer, error = _invoke(cloud, name, 30)

    assert error == "Unhandled"
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]
    assert _invoke(cloud, name, 0) == ("done", None)


def test_function_that_cannot_be_imported_names_the_module(cloud: LocalCloud, make: Make) -> None:
    name = make("import pandas\ndef handler(e, c): return 1")

    answer, error = _invoke(cloud, name)

    assert error == "Unhandled"
    assert "No module named 'pandas'" in answer["errorMessage"]


def test_process_that_exits_is_an_error_and_the_next_event_gets_another(cloud: LocalCloud, make: Make) -> None:
    name = make("import os\ndef handler(e, c):\n    if e: os._exit(3)\n    return 'fine'")

    answer, error = _invoke(cloud, name, True)

    assert error == "Unhandled"
    assert "exited with status 3" in answer["errorMessage"]
    assert _invoke(cloud, name, False) == ("fine", None)


def test_output_is_in_the_log_and_in_the_tail(cloud: LocalCloud, make: Make) -> None:
    name = make("def handler(e, c): print('seen', e)")

    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=b"7", LogType="Tail")

    assert "seen 7" in base64.b64decode(answer["LogResult"]).decode()
    lines = _log(cloud, name)
    assert "seen 7" in lines
    assert lines[0].startswith("START RequestId: ")
    assert lines[-1].startswith("REPORT RequestId: ")


def test_embedded_metrics_become_data_points(cloud: LocalCloud, make: Make) -> None:
    source = """
import json
def handler(event, context):
    directive = {"Namespace": "embedded", "Dimensions": [["Stage"]], "Metrics": [{"Name": "Rows"}]}
    print(json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "Stage": "dev", "Rows": 5}))
"""
    _invoke(cloud, make(source))

    metrics = cloud.client("cloudwatch").list_metrics(Namespace="embedded")["Metrics"]

    assert metrics == [
        {"Namespace": "embedded", "MetricName": "Rows", "Dimensions": [{"Name": "Stage", "Value": "dev"}]}
    ]


def test_failing_asynchronous_event_is_tried_three_times_then_sent_on(
    cloud: LocalCloud, make: Make, eventually: Any
) -> None:
    name = make("def handler(e, c):\n    print('attempt')\n    raise ValueError('no')")
    queue = cloud.client("sqs").create_queue(QueueName=f"{name}-failed")["QueueUrl"]
    destination = {"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:123456789012:{name}-failed"}}
    cloud.client("lambda").put_function_event_invoke_config(FunctionName=name, DestinationConfig=destination)

    answer = cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 1}')

    assert answer["StatusCode"] == 202
    letters = eventually(lambda: cloud.client("sqs").receive_message(QueueUrl=queue).get("Messages"))
    record = json.loads(letters[0]["Body"])
    assert record["requestPayload"] == {"n": 1}
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert _log(cloud, name).count("attempt") == 3


def test_a_burst_of_events_waits_for_few_processes_instead_of_starting_one_for_each(
    cloud: LocalCloud, make: Make, eventually: Any
) -> None:
    name = make("import os\ndef handler(e, c): print('by', os.getpid())")

    for _ in range(12):
        cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")

    def lines() -> list[str]:
        found = _log(cloud, name) if f"/aws/lambda/{name}" in _groups(cloud) else []
        return [line for line in found if line.startswith("by")]

    eventually(lambda: len(lines()) == 12)
    assert 1 <= len(set(lines())) <= 4


def test_asynchronous_event_that_succeeds_at_last_is_not_repeated(
    cloud: LocalCloud, make: Make, eventually: Any
) -> None:
    source = (
        "n = 0\ndef handler(e, c):\n    global n; n += 1\n    print('attempt', n)\n    if n < 2: raise ValueError('no')"
    )
    name = make(source)

    cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")

    eventually(lambda: f"/aws/lambda/{name}" in _groups(cloud) and "attempt 2" in _log(cloud, name))
    assert "attempt 3" not in _log(cloud, name)


def _groups(cloud: LocalCloud) -> set[str]:
    return {group["logGroupName"] for group in cloud.client("logs").describe_log_groups()["logGroups"]}


def test_invocations_and_errors_are_counted(cloud: LocalCloud, make: Make) -> None:
    name = make("def handler(e, c):\n    if e: raise ValueError('no')")
    _invoke(cloud, name, False)
    _invoke(cloud, name, True)

    import datetime as dt

    now = dt.datetime.now(dt.UTC)
    sums = {}
    for metric in ("Invocations", "Errors"):
        points = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=now - dt.timedelta(minutes=10),
            EndTime=now + dt.timedelta(minutes=10),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        sums[metric] = sum(point["Sum"] for point in points)
    assert sums == {"Invocations": 2, "Errors": 1}


def test_topic_invokes_its_functions_with_the_notice(cloud: LocalCloud, make: Make, eventually: Any) -> None:
    name = make(
        "def handler(e, c):\n    print('notice', e['Records'][0]['Sns']['Message'], e['Records'][0]['Sns']['Subject'])"
    )
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=f"{name}-topic")["TopicArn"]
    arn = cloud.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)

    sns.publish(TopicArn=topic, Message="hello", Subject="greeting")

    eventually(lambda: f"/aws/lambda/{name}" in _groups(cloud) and "notice hello greeting" in _log(cloud, name))


def test_host_invokes_by_arn_and_tells_errors_apart(cloud: LocalCloud, make: Make) -> None:
    name = make("def handler(e, c):\n    if e == 'bad': raise ValueError(e)\n    return e")
    arn = cloud.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]

    assert cloud.invoke(arn, b'"good"') == (b'"good"', False)
    assert cloud.invoke(name, b'"bad"')[1] is True


def test_unknown_function_is_not_found(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        _invoke(cloud, "nobody")


def test_event_source_other_than_sqs_is_refused(cloud: LocalCloud, make: Make) -> None:
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
    with pytest.raises(ClientError, match="event sources other than SQS"):
        cloud.client("lambda").create_event_source_mapping(FunctionName=make("x = 1"), EventSourceArn=arn)


def test_function_of_a_missing_role_cannot_run(cloud: LocalCloud, zipped: Callable[[str], bytes]) -> None:
    with pytest.raises(ClientError, match="role"):
        cloud.client("lambda").create_function(
            FunctionName="homeless",
            Role="arn:aws:iam::123456789012:role/nobody",
            Runtime="python3.12",
            Handler="handler.handler",
            Code={"ZipFile": zipped("x = 1")},
        )


@pytest.mark.parametrize("settings", [{"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:x"}}, {"Layers": ["arn:layer"]}])
def test_setting_that_nobody_carries_out_is_refused(make: Make, settings: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="NotSimulatedException"):
        make("x = 1", **settings)


COLD = {"PYTHONHASHSEED": "0"}  # read by an interpreter when it starts, so that only a fresh one will do
SURROUNDINGS = """
import os, sys
def handler(event, context):
    import boto3
    names = sorted(name for name in os.environ if name not in ("PYTHONHASHSEED", "_"))
    return {"path": [part.replace(os.environ["LAMBDA_TASK_ROOT"], "") for part in sys.path], "names": names,
            "folder": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"], "main": sys.modules["__main__"].__name__,
            "own": [name for name in sys.modules if name.startswith(("local_cloud", "moto", "rightpack"))],
            "boto3": boto3.__file__, "argv": sys.argv[1:]}
"""
IS_WARM = """
import sys
WARM = "boto3" in sys.modules
def handler(event, context): return WARM
"""


def test_a_fork_has_the_surroundings_of_a_fresh_interpreter(cloud: LocalCloud, make: Make) -> None:
    warm, _ = _invoke(cloud, make(SURROUNDINGS))
    cold, _ = _invoke(cloud, make(SURROUNDINGS, Environment={"Variables": COLD}))
    assert warm == cold
    assert warm["own"] == []


@pytest.mark.parametrize(
    ("variables", "warm"), [({}, True), ({"MINE": "1"}, True), (COLD, False), ({"TZ": "x"}, False)]
)
def test_libraries_are_there_unless_a_variable_needs_them_loaded_anew(
    cloud: LocalCloud,
    make: Make,
    variables: dict[str, str],
    warm: bool,
) -> None:
    assert _invoke(cloud, make(IS_WARM, Environment={"Variables": variables})) == (warm, None)


def test_a_package_with_its_own_version_of_a_library_gets_that(
    cloud: LocalCloud,
    make: Make,
    zipped: Callable[[str], bytes],
) -> None:
    name = make("def handler(event, context): pass")
    archive = io.BytesIO(zipped("import boto3\ndef handler(event, context): return boto3.VERSION"))
    with zipfile.ZipFile(archive, "a") as package:
        package.writestr("boto3/__init__.py", "VERSION = 'mine'")
    cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=archive.getvalue())
    assert _invoke(cloud, name) == ("mine", None)


def test_functions_share_nothing_that_they_change(cloud: LocalCloud, make: Make) -> None:
    source = """
import boto3, os
def handler(event, context):
    before = getattr(boto3, "mark", None)
    boto3.mark = os.environ["MARK"] = event
    return [before, os.environ["MARK"]]
"""
    answers: list[Any] = [_invoke(cloud, make(source), json.dumps(n))[0] for n in range(2)]
    assert answers == [[None, "0"], [None, "1"]]

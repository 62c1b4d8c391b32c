"""The tuning jobs of the account: created, run each by a thread of its own, described, listed and stopped."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from local_cloud.host import Host
from local_cloud.sagemaker.errors import RESTARTED, absent
from local_cloud.sagemaker.events import Events
from local_cloud.sagemaker.job import JobKind
from local_cloud.sagemaker.jobs import Jobs
from local_cloud.sagemaker.names import Arns
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.paging import ordered, page, within
from local_cloud.sagemaker.tags import Tags
from local_cloud.sagemaker.tuning.plan import read_plan
from local_cloud.sagemaker.tuning.tuning import Tuning
from local_cloud.sagemaker.validation import described
from local_cloud.wire import AwsError, Call, Json, Operation

_NAME, _ARN, _STATUS = (f"HyperParameterTuningJob{suffix}" for suffix in ("Name", "Arn", "Status"))
_OBJECTIVE = "FinalHyperParameterTuningJobObjectiveMetric"
_MOST_RUNNING = 100  # tuning jobs at a time; further ones wait


class Tunings:
    """CreateHyperParameterTuningJob and its kin; training jobs run as any other, through `jobs`."""

    KEPT = ("_tunings",)

    def __init__(self, host: Host, options: Options, *, events: Events, tags: Tags, jobs: Jobs) -> None:
        self._arns = Arns(host.account, host.region)
        self._now = options.now
        self._events = events
        self._tags = tags
        self._jobs = jobs
        self._tunings: dict[str, Tuning] = {}
        self._lock = threading.Lock()
        self._tuners = ThreadPoolExecutor(_MOST_RUNNING, thread_name_prefix="sagemaker-tuner")

    def operations(self) -> dict[str, Operation]:
        """Operations by API name."""
        return {
            "CreateHyperParameterTuningJob": self.create,
            "DescribeHyperParameterTuningJob": self.describe,
            "ListHyperParameterTuningJobs": self.list,
            "StopHyperParameterTuningJob": self.stop,
            "ListTrainingJobsForHyperParameterTuningJob": self.list_trials,
        }

    def create(self, _call: Call, request: Json) -> Json:
        """CreateHyperParameterTuningJob; raises `ResourceInUse` for a name that was used before."""
        plan = read_plan(request)
        name = request[_NAME]
        with self._lock:
            if name in self._tunings:
                raise AwsError("ResourceInUse", f"Tuning job name must be unique in an account and region: {name}")
            tuning = Tuning(self._record(name, request), plan, self._events.tuning)
            self._tunings[name] = tuning
        self._tags.put(tuning.arn, request.get("Tags", []))
        self._tuners.submit(self._run, tuning, request).add_done_callback(partial(self._closed, tuning))
        return {_ARN: tuning.arn}

    def get(self, name: str) -> Tuning:
        """Find a tuning job; raises `ResourceNotFound` when there is none."""
        with self._lock:
            tuning = self._tunings.get(name)
        if tuning is None:
            raise absent(f"Could not find hyperparameter tuning job: {name}")
        return tuning

    def describe(self, _call: Call, request: Json) -> Json:
        """DescribeHyperParameterTuningJob."""
        return described("DescribeHyperParameterTuningJob", self.get(request[_NAME]).describe())

    def stop(self, _call: Call, request: Json) -> Json:
        """StopHyperParameterTuningJob."""
        self.get(request[_NAME]).request_stop(self._now())
        return {}

    def list(self, _call: Call, request: Json) -> Json:
        """ListHyperParameterTuningJobs."""
        with self._lock:
            tunings = list(self._tunings.values())
        records = [record for record in (tuning.describe() for tuning in tunings) if _matches(record, request)]
        found = within(within(records, request, "CreationTime"), request, "LastModifiedTime")
        keys = {"Name": _NAME, "Status": _STATUS, "CreationTime": "CreationTime"}
        summaries = [_summary(record) for record in ordered(found, request, keys)]
        return page(summaries, request, "HyperParameterTuningJobSummaries")

    def list_trials(self, _call: Call, request: Json) -> Json:
        """ListTrainingJobsForHyperParameterTuningJob; by objective, only those that have one are listed."""
        tuning = self.get(request[_NAME])
        found = [trial.summary() for trial in list(tuning.trials)]
        status = request.get("StatusEquals")
        found = [item for item in found if status in (None, item["TrainingJobStatus"])]
        if request.get("SortBy") == "FinalObjectiveMetricValue":
            valued = [{**item, "_value": item[_OBJECTIVE]["Value"]} for item in found if _OBJECTIVE in item]
            ranked = ordered(valued, request, {"FinalObjectiveMetricValue": "_value"})
            found = [{key: value for key, value in item.items() if key != "_value"} for item in ranked]
        else:
            keys = {"Name": "TrainingJobName", "CreationTime": "CreationTime", "Status": "TrainingJobStatus"}
            found = ordered(found, request, keys)
        return page(found, request, "TrainingJobSummaries")

    def after_restart(self) -> None:
        """End the tuning jobs that ran when the state was kept."""
        for tuning in self._tunings.values():
            tuning.finish("Failed", self._now(), reason=RESTARTED)

    def close(self) -> None:
        """Stop every tuning job; its training jobs are killed by whoever owns the jobs."""
        with self._lock:
            tunings = list(self._tunings.values())
        for tuning in tunings:
            tuning.request_stop(self._now())

    def join(self) -> None:
        """Wait until the tuners have ended."""
        self._tuners.shutdown()

    def _run(self, tuning: Tuning, request: Json) -> None:
        from local_cloud.sagemaker.tuning.tuner import Machinery, Tuner  # brings optuna, which few clouds need

        start = partial(self._jobs.create, JobKind.TRAINING)
        Tuner(tuning, request, Machinery(start, self._jobs.workspace, self._now)).run()

    def _closed(self, tuning: Tuning, work: Future[None]) -> None:
        """Give a tuning job whose tuner broke an end, so that nobody waits for it for ever."""
        problem = work.exception()
        if problem is not None:
            reason = f"InternalServerError: the local cloud broke while tuning: {problem!r}"
            tuning.finish("Failed", self._now(), reason=reason)

    def _record(self, name: str, request: Json) -> Json:
        now = self._now()
        state = {_NAME: name, _ARN: self._arns.of("hyper-parameter-tuning-job", name), _STATUS: "InProgress"}
        return {**request, **state, "CreationTime": now, "LastModifiedTime": now}


def _matches(record: Json, request: Json) -> bool:
    wanted = request.get("StatusEquals")
    return request.get("NameContains", "") in record[_NAME] and wanted in (None, record[_STATUS])


def _summary(record: Json) -> Json:
    config = record["HyperParameterTuningJobConfig"]
    kept = ("CreationTime", "LastModifiedTime", "HyperParameterTuningEndTime")
    counters = ("TrainingJobStatusCounters", "ObjectiveStatusCounters")
    return {
        **{member: record[member] for member in (_NAME, _ARN, _STATUS, *kept, *counters) if member in record},
        "Strategy": config["Strategy"],
        "ResourceLimits": config["ResourceLimits"],
    }

"""Three trainings in sequence; between them somebody outside answers a callback with the next hyperparameter."""

import json
import threading

from building import client, new_session, output_of, process, run, trainer
from sagemaker.mlops.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train.configs import InputData

QUEUE = "plain-sdk-answers"


def layer(number, shrink, data):
    """One training."""
    return TrainingStep(
        name=f"Train{number}",
        step_args=trainer(session, shrink=shrink).train(
            input_data_config=[InputData(channel_name="train", data_source=data)]
        ),
    )


def question(number, training):
    """A pause after a training: its model goes out with a token, the next value of `shrink` comes back."""
    return CallbackStep(
        name=f"Ask{number}",
        sqs_queue_url=queue,
        inputs={"model": training.properties.ModelArtifacts.S3ModelArtifacts, "layer": number},
        outputs=[CallbackOutput(output_name="shrink", output_type=CallbackOutputTypeEnum.String)],
    )


def answer(questions):
    """Answer so many questions, as a Lambda function or a person with a form would."""
    sqs, sagemaker = client("sqs"), client("sagemaker")
    while questions:
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
            asked = json.loads(message["Body"])
            value = str(10 * asked["arguments"]["layer"])
            sagemaker.send_pipeline_execution_step_success(
                CallbackToken=asked["token"], OutputParameters=[{"Name": "shrink", "Value": value}]
            )
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            questions -= 1


session = new_session()
queue = client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"]
prepare = process(session, "Prepare", "prepare.py", {}, ["train", "test"])
data = output_of(prepare, "train")
first = layer(1, "0", data)
ask_first = question(1, first)
second = layer(2, ask_first.properties.Outputs["shrink"], data)
ask_second = question(2, second)
third = layer(3, ask_second.properties.Outputs["shrink"], data)
pipeline = Pipeline(
    name="plain-sdk-sequence",
    steps=[prepare, first, ask_first, second, ask_second, third],
    sagemaker_session=session,
)

if __name__ == "__main__":
    threading.Thread(target=answer, args=(2,), daemon=True).start()
    steps = run(pipeline)
    print("trained", *(steps[f"Train{number}"]["Metadata"]["TrainingJob"]["Arn"] for number in (1, 2, 3)))

"""What others make of what a run tells, and of the samples for running it: each by its own parser.

operations.py metrics FILE   the series of a textfile, as Prometheus's client reads them
operations.py otlp FILE      the series of a request to a collector, as OpenTelemetry's own messages read it
operations.py samples DIR    every sample checked but Airflow's (dags.py); the shell commands in them, with their environment
"""

import json
import os
import shlex
import subprocess
import sys

YAMLLINT = """
extends: default
rules:
  braces: disable
  document-start: disable
  line-length: {max: 130}
  truthy: disable
"""


def metrics(path):
    from prometheus_client.parser import text_string_to_metric_families

    with open(path, encoding="utf-8") as file:
        families = list(text_string_to_metric_families(file.read()))
    for family in families:
        assert family.type == "gauge" and family.documentation, family
    samples = [sample for family in families for sample in family.samples]
    return [[sample.name, sample.labels, str(float(sample.value))] for sample in samples]


def otlp(path):
    from google.protobuf import json_format
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    with open(path, encoding="utf-8") as file:
        request = json_format.Parse(file.read(), ExportMetricsServiceRequest())
    series = []
    for resource in request.resource_metrics:
        names = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
        assert names["service.name"] == "rtk-export" and names["service.version"], names
        for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
            assert metric.description and metric.WhichOneof("data") == "gauge", metric
            for point in metric.gauge.data_points:
                assert point.time_unix_nano > 1_700_000_000_000_000_000, point
                labels = {pair.key: pair.value.string_value for pair in point.attributes}
                series.append([metric.name, labels, str(point.as_double)])
    return series


def program(name, *args):
    checked = subprocess.run(
        [os.path.join(sys.prefix, "bin", name), *args], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, f"{name}: {checked.stdout}{checked.stderr}"


def yaml_documents(path):
    import yaml
    from yamllint import linter
    from yamllint.config import YamlLintConfig

    with open(path, encoding="utf-8") as file:
        text = file.read()
    problems = list(linter.run(text, YamlLintConfig(YAMLLINT)))
    assert not problems, f"{path}: {problems}"
    return list(yaml.safe_load_all(text))


def cron(path):
    from crontab import CronTab

    table = CronTab(tabfile=path, user=False)
    jobs = list(table)
    assert jobs and all(job.is_valid() and job.user == "rtk-export" for job in jobs), table.render()
    return [{"command": job.command, "env": dict(job.env)} for job in jobs]


def kubernetes(path):
    import kubernetes_validate

    documents = yaml_documents(path)
    for document in documents:
        kubernetes_validate.validate(document, "1.37", strict=True)
    (job,) = [document for document in documents if document["kind"] == "CronJob"]
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    env = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
    return [{"command": shlex.join(container["command"] + container["args"]), "env": env}]


def actions(path):
    program("actionlint", path)
    (workflow,) = yaml_documents(path)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    starts = ["rtk-export run ", "rtk-export sync "]
    return [{"command": step["run"], "env": {}} for step in steps if any(start in step.get("run", "") for start in starts)]


def dockerfile(path):
    program("hadolint", path)
    with open(path, encoding="utf-8") as file:
        lines = [line.split(None, 1) for line in file if not line.startswith("#") and line.strip()]
    last = {word: rest.strip() for word, rest in lines}
    return [{"command": " ".join(json.loads(last["ENTRYPOINT"]) + json.loads(last["CMD"])), "env": {}}]


def samples(folder):
    readers = {
        "crontab": cron,
        "cronjob.yaml": kubernetes,
        "github-actions.yml": actions,
        "Dockerfile": dockerfile,
    }
    return {name: read(os.path.join(folder, name)) for name, read in readers.items()}


if __name__ == "__main__":
    print(json.dumps({"metrics": metrics, "otlp": otlp, "samples": samples}[sys.argv[1]](sys.argv[2])))

"""The shell commands of a file of Airflow's DAGs, loaded and rendered as Airflow's scheduler and worker do.

dags.py FILE   a list of commands, each with its environment
"""

import json
import os
import sys
import tempfile
from datetime import datetime, timezone


def commands(path):
    # Its modules write to its home as soon as they are imported, and log to stdout.
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=path)
    assert not bag.import_errors, bag.import_errors
    assert bag.dags, f"no DAG in {path}"
    context = {"ds": "2026-11-23", "logical_date": datetime(2026, 11, 23, tzinfo=timezone.utc)}
    found = []
    for dag in bag.dags.values():
        assert dag.start_date.tzinfo and dag.max_active_runs == 1 and not dag.catchup, dag
        for task in dag.tasks:
            command = task.render_template(task.bash_command, context, dag.get_template_env())
            found.append({"command": command, "env": task.env or {}})
    return found


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(AIRFLOW_HOME=home, AIRFLOW__CORE__LOAD_EXAMPLES="False")
        json.dump(commands(sys.argv[1]), answers)
    answers.close()

"""Exports the sessions of the day before each logical date, with rtk-export on the worker's PATH.

A retry is the same command: it goes on where the last try was stopped. Written for Airflow 3.
"""

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    dag_id="rtk_export",
    description="Cloudflare RealtimeKit sessions, participants and minutes of a day",
    schedule="17 3 * * *",
    start_date=datetime(2026, 11, 1, tzinfo=timezone.utc),
    catchup=True,
    # Runs of one token share its request budget; one after the other they also share nothing else.
    max_active_runs=1,
    tags=["rtk-export"],
) as dag:
    BashOperator(
        task_id="export_day",
        # CLOUDFLARE_ACCOUNT_ID, REALTIMEKIT_APP_ID and CLOUDFLARE_API_TOKEN, or what replaces them, come from the
        # worker's environment. 3: complete, but some IDs failed; they are in the table `failures`.
        bash_command="""
out=/var/lib/rtk-export/{{ macros.ds_add(ds, -1) }}
[ ! -e "$out/manifest.json" ] || exit 0
rtk-export run --since {{ macros.ds_add(ds, -1) }} --until {{ ds }} -o "$out" \
    --log-format json --deadline 2h --summary-file /var/lib/rtk-export/last-run.json || [ $? -eq 3 ]
""",
        append_env=True,
        retries=5,
        retry_delay=timedelta(minutes=10),
        execution_timeout=timedelta(hours=3),
    )

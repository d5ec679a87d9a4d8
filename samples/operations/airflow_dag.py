"""Keeps a dataset of all sessions current, with rtk-export on the worker's PATH.

A retry is the same command: it goes on where the last try was stopped. Written for Airflow 3.
"""

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    dag_id="rtk_export",
    description="Cloudflare RealtimeKit sessions, participants and minutes",
    schedule="17 3 * * *",
    start_date=datetime(2026, 11, 1, tzinfo=timezone.utc),
    # Each run makes up for those that were skipped.
    catchup=False,
    # A second one would end with exit code 6.
    max_active_runs=1,
    tags=["rtk-export"],
) as dag:
    BashOperator(
        task_id="sync",
        # CLOUDFLARE_ACCOUNT_ID, REALTIMEKIT_APP_ID and CLOUDFLARE_API_TOKEN, or what replaces them, come from the
        # worker's environment.
        # For a dataset in a bucket: -o s3://bucket/minutes --state-dir /var/lib/rtk-export/state in the place of
        # -o /var/lib/rtk-export/dataset, and these variables, here with a connection called r2. Tries on other
        # workers do not have that directory: they ask again for what the first one fetched.
        # env={
        #     "AWS_ENDPOINT_URL": "https://ACCOUNT.r2.cloudflarestorage.com",
        #     "AWS_REGION": "auto",
        #     "AWS_ACCESS_KEY_ID": "{{ conn.r2.login }}",
        #     "AWS_SECRET_ACCESS_KEY": "{{ conn.r2.password }}",
        # },
        # 3: synced, but some IDs failed; they are tried again the next night.
        bash_command="""
rtk-export sync -o /var/lib/rtk-export/dataset \
    --log-format json --deadline 2h --summary-file /var/lib/rtk-export/last-run.json || [ $? -eq 3 ]
""",
        append_env=True,
        retries=5,
        retry_delay=timedelta(minutes=10),
        execution_timeout=timedelta(hours=3),
    )

//! Columns of the tables that tell what became of the lists' rows.

use super::Kind::{Int, Json, Text, Time};
use super::{Column, optional, required};

pub(super) const ID_LIST: &[Column] = &[
    required("list_file", Text, "the list", "list file as named on the command line").repeating(),
    required(
        "row_number",
        Int,
        "the list",
        "as a spreadsheet counts: 1-based, header and blank lines counted",
    ),
    optional("session_id", Text, "the list", "session cell as given").repeating(),
    optional("participant_id", Text, "the list", "participant, user or custom id cell as given"),
    required("status", Text, "the export", "exported, failed, invalid, duplicate or expanded").repeating(),
    optional("matched_by", Text, "the export", "participant_id, user_id or custom_participant_id")
        .repeating(),
];

pub(super) const LABELS: &[Column] = &[
    required("list_file", Text, "the list", "list file as named on the command line").repeating(),
    required(
        "row_number",
        Int,
        "the list",
        "as a spreadsheet counts: 1-based, header and blank lines counted",
    ),
    required("name", Text, "the list's header", "name of the column").repeating(),
    optional("value", Text, "the list", "the cell; null where there is none").repeating(),
];

pub(super) const FAILURES: &[Column] = &[
    optional("session_id", Text, "the list", "session; as given where it is no id").repeating(),
    optional("participant_id", Text, "the list", "participant; null where a whole session failed"),
    optional("list_file", Text, "the list", "list whose row asked for it; null from a window").repeating(),
    optional("row_number", Int, "the list", "that row, as a spreadsheet counts; null from a window"),
    required(
        "reason",
        Text,
        "the export",
        "invalid_id, not_found, refused, bad_response, retries_exhausted, ...",
    )
    .repeating(),
    optional("http_status", Int, "the reply", "status of the last reply; null where none came").repeating(),
    optional("api_code", Int, "error.code or errors[0].code", "the API's own code").repeating(),
    required("message", Text, "the reply or the exporter", "what went wrong, for people").repeating(),
    required("attempts", Int, "the export", "requests sent for it").repeating(),
    optional("cf_ray", Text, "header cf-ray", "Cloudflare's id of the last reply, for its support"),
    required("failed_at", Time, "clock of the exporter", "when the last try ended"),
    optional("labels", Json, "the list", "the row's labels as a JSON object; null where it has none")
        .repeating(),
];

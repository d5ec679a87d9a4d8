//! How each error of a store reads, and what it says to do.

use super::*;

fn refused(store: StoreKind, action: StoreAction, status: u16, code: Option<&str>) -> StoreError {
    StoreError::Refused {
        url: format!("{}://bucket/rtk/dataset.json", store.scheme()),
        store,
        action,
        status: Some(status),
        code: code.map(str::to_owned),
        request_id: None,
        ahead_secs: Some(-190),
        resume: None,
    }
}

fn left() -> Resume {
    Resume { replies: 4210, command: "rtk-export run list.csv -o s3://bucket/rtk".to_owned() }
}

fn told(errors: impl IntoIterator<Item = StoreError>) -> String {
    let lines = errors.into_iter().map(|error| {
        let text = error.to_string();
        assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
        let cause = std::error::Error::source(&error).map(|cause| format!("\n    cause: {cause}"));
        let hint = error.hint().unwrap_or_default();
        format!("{} {text}{}\n    hint: {hint}\n", error.class().exit_code(), cause.unwrap_or_default())
    });
    lines.collect()
}

/// Each permission by the name that its store has for it, and each code that says something else.
#[test]
fn refusals_are_told_by_permission_and_code() {
    let actions =
        [StoreAction::Get, StoreAction::Put, StoreAction::Delete, StoreAction::List, StoreAction::Abort];
    let denied = StoreKind::ALL.into_iter().flat_map(|store| {
        let code = match store {
            StoreKind::S3 | StoreKind::Gcs => "AccessDenied",
            StoreKind::Azure => "AuthorizationPermissionMismatch",
        };
        actions.map(|action| refused(store, action, 403, Some(code)))
    });
    let codes = [
        (403, Some("InvalidAccessKeyId")),
        (403, Some("SignatureDoesNotMatch")),
        (403, Some("ExpiredToken")),
        (403, Some("RequestTimeTooSkewed")),
        (403, Some("AllAccessDisabled")),
        (403, Some("SomethingElse")),
        (403, None),
        (301, None),
        (400, Some("AuthorizationHeaderMalformed")),
        (401, None),
    ];
    let codes = codes.map(|(status, code)| refused(StoreKind::S3, StoreAction::Put, status, code));
    let resumed = refused(StoreKind::S3, StoreAction::Put, 403, Some("AccessDenied")).resumable(left());
    let told = told(denied.chain(codes).chain([resumed]));
    insta::assert_snapshot!(told);
}

#[test]
fn errors_of_stores_say_what_to_do() {
    let url = || "s3://bucket/rtk/dataset.json".to_owned();
    let fault =
        StoreFault::Reply { status: 503, code: Some("SlowDown".into()), request_id: Some("7F3C".into()) };
    let reset = StoreFault::Transport("connection reset by peer".into());
    let failed = |source| StoreError::Failed { url: url(), action: StoreAction::Put, source, resume: None };
    let store = StoreKind::S3;
    let code = Some("NoSuchBucket".to_owned());
    let told = told([
        StoreError::Url { origin: Origin::Flag("output"), value: "s3://".into(), fault: UrlFault::NoBucket },
        StoreError::Variable { name: "AWS_ENDPOINT_URL", expected: "an http or https URL" },
        StoreError::HalfSet { set: "AWS_ACCESS_KEY_ID", missing: "AWS_SECRET_ACCESS_KEY" },
        StoreError::NoAccount,
        StoreError::NoStateDir { url: "s3://bucket/rtk".into() },
        StoreError::OtherState { dir: "state".into(), url: "s3://bucket/other".into() },
        StoreError::ClearText { name: "AWS_ENDPOINT_URL", host: "minio.example".into() },
        StoreError::Setup { url: "gs://bucket".into(), source: "a variable cannot be read".into() },
        StoreError::NoCredentials {
            url: url(),
            store,
            looked_for: crate::config::credential_variables(store),
        },
        refused(store, StoreAction::Get, 403, Some("AccessDenied")).untold("s3://bucket/rtk".into()),
        StoreError::NoBucket { url: url(), store, status: Some(404), code, request_id: None },
        failed(fault),
        failed(reset).resumable(left()),
        StoreError::Missing { url: url() },
        StoreError::TooLarge { url: url(), bytes: 99_000_000, limit: 67_108_864 },
        StoreError::OtherSize { url: url(), expected: 10, found: 9 },
        StoreError::OtherBytes { url: url() },
        StoreError::Unconditional { url: url() },
        StoreError::Contended { url: url(), tries: 3 },
        StoreError::Key { key: "a//b".into() },
    ]);
    insta::assert_snapshot!(told);
}

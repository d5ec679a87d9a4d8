//! Places in directories and in memory, held to the contract; what a failure is taken for.

mod contract;

use contract::{key, text};

use super::*;
use crate::error::Error;

#[tokio::test]
async fn a_directory_keeps_the_contract() {
    let parent = tempfile::tempdir().unwrap();
    let place = Place::Local(Local::new(&parent.path().join("new/place")));
    contract::hold(&place).await;
    // A folder that is empty is gone.
    place.remove(vec![key("files/day=1/empty"), key("files/day=1/small")]).await.unwrap();
    assert!(!parent.path().join("new/place/files").exists());
}

#[tokio::test]
async fn a_store_keeps_the_contract() {
    contract::hold(&Place::in_memory()).await;
}

/// A file of another file system cannot be renamed to here.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_is_brought_from_another_file_system() {
    let (Ok(elsewhere), here) = (tempfile::tempdir_in("/dev/shm"), tempfile::tempdir().unwrap()) else {
        return;
    };
    let path = elsewhere.path().join("file");
    std::fs::write(&path, "over there").unwrap();
    let place = Place::Local(Local::new(here.path()));
    place.upload(&key("a/file"), &path, 10).await.unwrap();
    assert_eq!(text(&place, "a/file").await.as_deref(), Some("over there"));
    assert!(!path.exists());
}

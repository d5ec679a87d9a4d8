//! A dataset's files as another program gets them: from the directory, or by the protocol of S3.
//!
//! Not here: the exporter's own client of stores; this one is `object_store` as it comes.

use std::fs;
use std::path::PathBuf;

use futures::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::{self, Runtime};

use super::{Nightly, tree};

/// Who reads a dataset's files.
pub(crate) enum Files {
    Directory(PathBuf),
    Bucket { client: Box<AmazonS3>, runtime: Runtime },
}

impl Files {
    pub(crate) fn of(nightly: &Nightly) -> Self {
        let Some(s3) = &nightly.s3 else { return Self::Directory(nightly.root()) };
        let set = s3.variables().into_iter().fold(AmazonS3Builder::new(), |builder, (name, value)| {
            builder.with_config(name.to_lowercase().parse().unwrap(), value)
        });
        let client = set.with_bucket_name("bucket").with_allow_http(true).build().unwrap();
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self::Bucket { client: Box::new(client), runtime }
    }

    /// The bytes of a file, by its path in the dataset.
    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        match self {
            Self::Directory(root) => fs::read(root.join(path)).ok(),
            Self::Bucket { client, runtime } => {
                let key = Path::parse(format!("rtk/{path}")).unwrap();
                runtime.block_on(async {
                    match client.get(&key).await {
                        Ok(found) => Some(found.bytes().await.unwrap().to_vec()),
                        Err(object_store::Error::NotFound { .. }) => None,
                        Err(error) => panic!("{key}: {error}"),
                    }
                })
            }
        }
    }

    /// The paths of all files in a folder of the dataset.
    pub(crate) fn list(&self, folder: &str) -> Vec<String> {
        match self {
            Self::Directory(root) => {
                tree(&root.join(folder)).into_keys().map(|path| format!("{folder}/{path}")).collect()
            }
            Self::Bucket { client, runtime } => {
                let prefix = Path::parse(format!("rtk/{folder}")).unwrap();
                let listed = runtime.block_on(client.list(Some(&prefix)).try_collect::<Vec<_>>()).unwrap();
                let keys = listed.into_iter().map(|object| object.location.to_string());
                keys.map(|key| key.strip_prefix("rtk/").unwrap().to_owned()).collect()
            }
        }
    }
}

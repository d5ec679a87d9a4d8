//! Where in an object store something is: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
//!
//! In: text. Out: [`StoreUrl`], or the [`UrlFault`] that it has.
//! Guarantees: total on any text; a URL's `Display` is read back as the same URL; a name is taken as it stands,
//! nothing in it is decoded; no part of a path is empty, `.` or `..`; no URL holds a user name or password.
//! Not here: credentials, requests (`place`).

use std::fmt;

/// The stores that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// Amazon S3, and what speaks its language: R2, `MinIO`, Ceph.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl StoreKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::S3, Self::Gcs, Self::Azure];

    /// What its URLs begin with.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }

    /// What it calls the thing that holds objects.
    #[must_use]
    pub const fn bucket_word(self) -> &'static str {
        match self {
            Self::S3 | Self::Gcs => "bucket",
            Self::Azure => "container",
        }
    }
}

/// A place in an object store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreUrl {
    /// Which store.
    pub store: StoreKind,
    /// The bucket, or the container.
    pub bucket: String,
    /// What is in front of every key, without slashes around it; empty for the bucket's root.
    pub prefix: String,
}

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// A scheme that is none of the three.
    #[error("is in none of the stores that are known: s3://, gs:// and az://")]
    Scheme,
    /// A scheme that other tools have for one of the three.
    #[error("is written another way here: {0}://BUCKET/PREFIX")]
    Spelling(&'static str),
    /// Nothing between the slashes.
    #[error("names no bucket")]
    NoBucket,
    /// Letters that no bucket's name has.
    #[error(
        "has a bucket that no store could have: its name is of letters, digits, dots, hyphens and underscores"
    )]
    Bucket,
    /// A user name, a password or a port.
    #[error("holds more than a bucket and a path: credentials and endpoints are set in the environment")]
    Authority,
    /// A question mark or a number sign.
    #[error("has a query or a fragment: a path has neither ? nor #")]
    Query,
    /// Two slashes in a row, `.` or `..`.
    #[error("has a part that is empty, . or ..")]
    Part,
    /// A control character or a backslash.
    #[error("has a character that not every store takes in a name")]
    Character,
    /// The bucket itself where an object is wanted.
    #[error("names no object")]
    NoObject,
}

impl StoreUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlFault::Scheme)?;
        let store = store(scheme)?;
        if rest.contains(['?', '#']) {
            return Err(UrlFault::Query);
        }
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(UrlFault::NoBucket);
        }
        if bucket.contains(['@', ':']) {
            return Err(UrlFault::Authority);
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !bucket.chars().all(fits) || matches!(bucket, "." | "..") {
            return Err(UrlFault::Bucket);
        }
        let prefix = path.strip_suffix('/').unwrap_or(path);
        if prefix.contains(|c: char| c.is_control() || c == '\\') {
            return Err(UrlFault::Character);
        }
        let is_bad = |part: &str| matches!(part, "" | "." | "..");
        if (path == "/" || !prefix.is_empty()) && prefix.split('/').any(is_bad) {
            return Err(UrlFault::Part);
        }
        Ok(Self { store, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// Reads the URL of one object: the folder that it is in, and its name there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_object(text: &str) -> Result<(Self, String), UrlFault> {
        let Self { store, bucket, prefix } = Self::parse(text)?;
        if prefix.is_empty() || text.ends_with('/') {
            return Err(UrlFault::NoObject);
        }
        let (folder, name) = prefix.rsplit_once('/').unwrap_or(("", &prefix));
        Ok((Self { store, bucket, prefix: folder.to_owned() }, name.to_owned()))
    }

    /// The name of an object below this place, as the store has it.
    #[must_use]
    pub fn name_of(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) }
    }

    /// An object below this place, for a message.
    #[must_use]
    pub fn object(&self, key: &str) -> String {
        format!("{}://{}/{}", self.store.scheme(), self.bucket, self.name_of(key))
    }
}

fn store(scheme: &str) -> Result<StoreKind, UrlFault> {
    let scheme = scheme.to_ascii_lowercase();
    if let Some(store) = StoreKind::ALL.into_iter().find(|store| store.scheme() == scheme) {
        return Ok(store);
    }
    Err(match scheme.as_str() {
        "s3a" | "s3n" | "r2" => UrlFault::Spelling("s3"),
        "gcs" => UrlFault::Spelling("gs"),
        "abfs" | "abfss" | "adl" | "azure" | "wasb" | "wasbs" => UrlFault::Spelling("az"),
        _ => UrlFault::Scheme,
    })
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.store.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_of_stores() {
        let shown = |text: &str| match StoreUrl::parse(text) {
            Ok(url) => url.to_string(),
            Err(fault) => format!("{fault:?}"),
        };
        for (text, expected) in [
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/", "s3://bucket"),
            ("S3://bucket/a/b/", "s3://bucket/a/b"),
            ("gs://my.bucket_1/exports of=2026%20", "gs://my.bucket_1/exports of=2026%20"),
            ("az://container/x", "az://container/x"),
            ("s3://", "NoBucket"),
            ("s3:///x", "NoBucket"),
            ("s3://bucket//x", "Part"),
            ("s3://bucket/x//", "Part"),
            ("s3://bucket//", "Part"),
            ("s3://bucket/../x", "Part"),
            ("s3://bucket/.", "Part"),
            ("s3://..", "Bucket"),
            ("s3://buck et/x", "Bucket"),
            ("s3://key:secret@bucket/x", "Authority"),
            ("s3://bucket:9000/x", "Authority"),
            ("s3://bucket/x?versionId=1", "Query"),
            ("s3://bucket/x#y", "Query"),
            ("s3://bucket/a\\b", "Character"),
            ("s3://bucket/a\nb", "Character"),
            ("s3a://bucket/x", "Spelling(\"s3\")"),
            ("gcs://bucket/x", "Spelling(\"gs\")"),
            ("abfss://bucket/x", "Spelling(\"az\")"),
            ("https://bucket/x", "Scheme"),
            ("bucket/x", "Scheme"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn an_object_is_in_a_folder() {
        let object = |text: &str| StoreUrl::parse_object(text).map(|(url, name)| (url.to_string(), name));
        let of = |folder: &str, name: &str| Ok((folder.to_owned(), name.to_owned()));
        assert_eq!(object("s3://b/list.csv"), of("s3://b", "list.csv"));
        assert_eq!(object("s3://b/a/b/list.csv"), of("s3://b/a/b", "list.csv"));
        assert_eq!(object("s3://b"), Err(UrlFault::NoObject));
        assert_eq!(object("s3://b/a/"), Err(UrlFault::NoObject));
        let (url, name) = StoreUrl::parse_object("s3://b/a/list.csv").unwrap();
        assert_eq!(url.object(&name), "s3://b/a/list.csv");
    }

    proptest! {
        #[test]
        fn any_text_is_a_url_or_none_and_is_read_back(text in "(s3|gs|az)://\\PC{0,20}|\\PC*") {
            if let Ok(url) = StoreUrl::parse(&text) {
                prop_assert_eq!(StoreUrl::parse(&url.to_string()), Ok(url));
            }
            let _ = StoreUrl::parse_object(&text);
        }
    }
}

//! What every place does. It is held to by the unit tests over a directory and a store in memory, and by the
//! integration tests over a store behind a socket.

use std::io::{Read, Seek, Write};

use bytes::Bytes;
use futures::TryStreamExt;

use super::{Conditions, Created, Error, Key, Left, Place, StoreError, Swapped};

/// Above this a file goes in parts.
const PART: u64 = 8 << 20;

pub(super) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) async fn text(place: &Place, of: &str) -> Option<String> {
    let object = place.read(&key(of)).await.unwrap().known().unwrap()?;
    Some(String::from_utf8(object.bytes.to_vec()).unwrap())
}

/// Holds a place to the contract. It is empty, and is left with what was put.
pub(super) async fn hold(place: &Place) {
    objects(place).await;
    conditions(place).await;
    one_wins(place).await;
    files(place).await;
    listing(place).await;
    assert_eq!(place.check().await.unwrap(), Conditions::Honoured);
    assert_eq!(place.check().await.unwrap(), Conditions::Honoured, "once more");
    assert_eq!(place.give_up_uploads().await.unwrap(), Left::default());
}

async fn objects(place: &Place) {
    assert_eq!(text(place, "dataset.json").await, None);
    place.put(&key("dataset.json"), bytes("one")).await.unwrap();
    assert_eq!(text(place, "dataset.json").await.as_deref(), Some("one"));
    place.put(&key("dataset.json"), bytes("two")).await.unwrap();
    place.put(&key("a/b=c d/e.json"), bytes("")).await.unwrap();
    assert_eq!(text(place, "dataset.json").await.as_deref(), Some("two"));
    assert_eq!(text(place, "a/b=c d/e.json").await.as_deref(), Some(""));
    let object = place.read(&key("dataset.json")).await.unwrap().there().unwrap();
    assert!(object.age() < std::time::Duration::from_hours(1), "{object:?}");
}

async fn conditions(place: &Place) {
    let at = key("pointer");
    let Created::New(first) = place.create(&at, bytes("1")).await.unwrap() else { panic!("it was there") };
    assert_eq!(place.create(&at, bytes("2")).await.unwrap(), Created::Exists);
    // Its own bytes: the reply to the first try could have been lost.
    assert!(matches!(place.create(&at, bytes("1")).await.unwrap(), Created::New(_)));
    let read = place.read(&at).await.unwrap().there().unwrap();
    assert_eq!(read.tag, first);
    let Swapped::Done(second) = place.swap(&at, bytes("2"), &first).await.unwrap() else { panic!("moved") };
    assert_ne!(first, second);
    assert_eq!(place.swap(&at, bytes("3"), &first).await.unwrap(), Swapped::Moved);
    assert!(matches!(place.swap(&at, bytes("2"), &first).await.unwrap(), Swapped::Done(_)));
    assert_eq!(text(place, "pointer").await.as_deref(), Some("2"));
    assert_eq!(place.swap(&key("nothing"), bytes("1"), &first).await.unwrap(), Swapped::Moved);
}

/// Of many at once exactly one wins.
async fn one_wins(place: &Place) {
    let at = key("race");
    let creators = (0..8).map(|writer| {
        let at = &at;
        async move { place.create(at, bytes(&format!("creator {writer}"))).await.unwrap() }
    });
    let created = futures::future::join_all(creators).await;
    let winners: Vec<_> = created.iter().filter(|created| matches!(created, Created::New(_))).collect();
    assert_eq!(winners.len(), 1);
    let mut tag = place.read(&at).await.unwrap().there().unwrap().tag;
    for round in 0..4 {
        let swappers = (0..8).map(|writer| {
            let (at, tag) = (&at, &tag);
            async move { place.swap(at, bytes(&format!("{round} {writer}")), tag).await.unwrap() }
        });
        let swapped = futures::future::join_all(swappers).await;
        let mut done = swapped.into_iter().filter_map(|swapped| match swapped {
            Swapped::Done(tag) => Some(tag),
            Swapped::Moved => None,
        });
        tag = done.next().unwrap();
        assert_eq!(done.next(), None);
        assert_eq!(place.read(&at).await.unwrap().there().unwrap().tag, tag);
    }
}

async fn files(place: &Place) {
    let dir = tempfile::tempdir().unwrap();
    // One request; exactly one part; several parts, the last one smaller.
    for (name, size) in [("small", 5), ("empty", 0), ("part", PART), ("parts", 2 * PART + 77)] {
        let content: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let path = dir.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(&content).unwrap();
        let at = key(&format!("files/day=1/{name}"));
        place.upload(&at, &path, size).await.unwrap();
        let mut copy = tempfile::tempfile().unwrap();
        assert_eq!(place.download(&at, &mut copy).await.unwrap(), size);
        copy.rewind().unwrap();
        let mut back = Vec::new();
        copy.read_to_end(&mut back).unwrap();
        assert!(back == content, "{name}");
    }
    let path = dir.path().join("short");
    std::fs::File::create(&path).unwrap().write_all(b"four").unwrap();
    let upload = place.upload(&key("files/short"), &path, 5).await;
    assert!(matches!(upload, Err(Error::FileChanged { .. })), "{upload:?}");
    let mut copy = tempfile::tempfile().unwrap();
    let missing = place.download(&key("files/short"), &mut copy).await.unwrap_err();
    let Error::Store(missing) = missing else { panic!("{missing:?}") };
    assert!(matches!(*missing, StoreError::Missing { .. }), "{missing:?}");
}

async fn listing(place: &Place) {
    let names = async |prefix: Option<&str>| {
        let listed: Vec<_> = place.list(prefix.map(key).as_ref()).try_collect().await.unwrap();
        let visible = listed.into_iter().filter(|listed| !listed.key.as_str().starts_with(".rtk-export"));
        let mut names: Vec<_> = visible.map(|listed| format!("{} {}", listed.key, listed.bytes)).collect();
        names.sort();
        names
    };
    let all = ["a/b=c d/e.json 0", "dataset.json 3"];
    let files = [
        "files/day=1/empty 0",
        "files/day=1/part 8388608",
        "files/day=1/parts 16777293",
        "files/day=1/small 5",
    ];
    let rest = ["pointer 1", "race 3"];
    assert_eq!(names(None).await, [&all[..], &files[..], &rest[..]].concat());
    assert_eq!(names(Some("files")).await, files);
    assert_eq!(names(Some("file")).await, [""; 0]);
    let keys = vec![key("files/day=1/part"), key("files/day=1/parts"), key("files/nothing")];
    assert_eq!(place.remove(keys.clone()).await.unwrap(), keys);
    assert_eq!(place.remove(Vec::new()).await.unwrap(), []);
    assert_eq!(names(Some("files")).await, ["files/day=1/empty 0", "files/day=1/small 5"]);
}

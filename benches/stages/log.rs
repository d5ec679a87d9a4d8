//! Stage 4: replies into the log's frames, and out of them again.
//!
//! Writing ends with what a run does every 750 replies, a sync to disk: on a file system in memory
//! (`TMPDIR=/dev/shm`) the figure is that of the packing alone.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

use crate::inputs;

/// Within one frame.
const REPLIES: usize = 500;

#[divan::bench]
fn write(bencher: Bencher) {
    let participants = inputs::participants(REPLIES);
    let dir = tempfile::tempdir().expect("a directory for a log");
    let (mut log, _) = inputs::begun(dir.path(), &participants);
    bencher
        .counter(BytesCount::new(inputs::body_bytes(&participants)))
        .counter(ItemsCount::new(REPLIES))
        .with_inputs(|| inputs::replies(&participants))
        .bench_local_values(|replies| {
            for reply in replies {
                log.append(reply).expect("the disk takes it");
            }
            log.make_durable().expect("the disk takes it");
        });
}

#[divan::bench]
fn read_back(bencher: Bencher) {
    let participants = inputs::participants(REPLIES);
    let logged = inputs::logged(&participants);
    bencher
        .counter(BytesCount::new(inputs::body_bytes(&participants)))
        .counter(ItemsCount::new(REPLIES))
        .bench_local(|| {
            let mut entries = logged.log.entries();
            let read = logged.log.each_reply(|reply| {
                let block = entries.block(reply.location).expect("it is whole");
                divan::black_box(entries.parse(&block, reply.location).expect("it is whole"));
            });
            read.expect("it can be read");
        });
}

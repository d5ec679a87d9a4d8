//! Stage 5: log entries to the record batches of all tables. The log is read on the way, as in a run:
//! `log::read_back` is that part of it.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use rtk_export::tables;

use crate::inputs;

const REPLIES: usize = 2_000;

#[divan::bench]
fn flatten(bencher: Bencher) {
    let participants = inputs::participants(REPLIES);
    let logged = inputs::logged(&participants);
    bencher
        .counter(BytesCount::new(inputs::body_bytes(&participants)))
        .counter(ItemsCount::new(REPLIES))
        .bench_local(|| {
            let mut take = |_, batch| {
                divan::black_box_drop(batch);
                Ok(())
            };
            let made = tables::make(&logged.log, &logged.wants, &logged.replies, &mut take);
            made.expect("the log is whole").totals.participants
        });
}

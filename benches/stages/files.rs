//! Stage 6: a table's batches to a Parquet file that is closed, synced, counted and hashed.

use arrow::array::RecordBatch;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use rtk_export::config::Format;
use rtk_export::files::{Staging, TableWriter, Target};
use rtk_export::tables::{self, Table};

use crate::inputs;

const REPLIES: usize = 2_000;

#[divan::bench]
fn participants_to_parquet(bencher: Bencher) {
    encode(bencher, Table::Participants);
}

#[divan::bench]
fn peer_events_to_parquet(bencher: Bencher) {
    encode(bencher, Table::PeerEvents);
}

fn encode(bencher: Bencher, table: Table) {
    let batches = batches(table);
    let dir = tempfile::tempdir().expect("a directory for files");
    let staging = Staging::create(dir.path()).expect("a directory for files");
    bencher
        .counter(BytesCount::new(batches.iter().map(RecordBatch::get_array_memory_size).sum::<usize>()))
        .counter(ItemsCount::new(batches.iter().map(RecordBatch::num_rows).sum::<usize>()))
        .bench_local(|| {
            let writer = TableWriter::create(&staging, Target::Table(table), Format::Parquet);
            let mut writer = writer.expect("a file begins");
            for batch in &batches {
                writer.write(batch).expect("the disk takes it");
            }
            writer.close().expect("the disk takes it")
        });
}

/// The batches of one table, as they come from the log.
fn batches(wanted: Table) -> Vec<RecordBatch> {
    let logged = inputs::logged(&inputs::participants(REPLIES));
    let mut batches = Vec::new();
    let mut take = |table, batch| {
        if table == wanted {
            batches.push(batch);
        }
        Ok(())
    };
    tables::make(&logged.log, &logged.wants, &logged.replies, &mut take).expect("the log is whole");
    batches
}

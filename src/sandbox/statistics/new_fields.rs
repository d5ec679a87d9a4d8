//! The fields of samples, candidate pairs and cumulative objects in the new shape, as tables.
//!
//! In: nothing. Out: names in the documents' order, with how a value is made up.
//! Guarantees: every name of the API page's section 5.
//! Not here: writing them (`new.rs`).

/// How a value is made up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Made {
    /// A whole number below.
    Count(u64),
    /// A number with three places, of so many thousandths at most.
    Measure(u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A boolean.
    Bool,
    /// A time as text.
    Time,
    /// A time as milliseconds since 1970.
    EpochMs,
    /// An id of a producer, consumer or other peer.
    Id,
    /// The peer's own id.
    PeerId,
    /// How long quality was limited for each reason.
    Durations,
}

use Made::{Bool, Count, Durations, EpochMs, Id, Measure, PeerId, Time, Word};

/// A field: name and value.
pub(super) type Field = (&'static str, Made);

pub(super) const AUDIO_PRODUCER: &[Field] = &[
    ("bytes_sent", Count(4_000_000)),
    ("jitter", Measure(40)),
    ("mid", Word(&["0", "1"])),
    ("mos_quality", Measure(5000)),
    ("packets_lost", Count(30)),
    ("packets_sent", Count(40_000)),
    ("producer_id", Id),
    ("rtt", Measure(300)),
    ("ssrc", Count(4_294_967_295)),
    ("timestamp", Time),
];

pub(super) const AUDIO_CONSUMER: &[Field] = &[
    ("bytes_received", Count(4_000_000)),
    ("concealment_events", Count(20)),
    ("consumer_id", Id),
    ("jitter", Measure(40)),
    ("jitter_buffer_delay", Measure(90_000)),
    ("jitter_buffer_emitted_count", Count(900_000)),
    ("mid", Word(&["0", "1", "2"])),
    ("mos_quality", Measure(5000)),
    ("packets_lost", Count(30)),
    ("packets_received", Count(40_000)),
    ("peer_id", PeerId),
    ("producer_id", Id),
    ("ssrc", Count(4_294_967_295)),
    ("timestamp", Time),
];

pub(super) const VIDEO_PRODUCER: &[Field] = &[
    ("bytes_sent", Count(90_000_000)),
    ("fir_count", Count(3)),
    ("frame_height", HEIGHT),
    ("frame_width", WIDTH),
    ("frames_encoded", Count(54_000)),
    ("frames_per_second", Count(31)),
    ("jitter", Measure(40)),
    ("key_frames_encoded", Count(90)),
    ("mid", Word(&["1", "2"])),
    ("mos_quality", Measure(5000)),
    ("packets_lost", Count(30)),
    ("packets_sent", Count(400_000)),
    ("pli_count", Count(9)),
    ("producer_id", Id),
    ("quality_limitation_durations", Durations),
    ("quality_limitation_reason", Word(&["none", "cpu", "bandwidth", "other"])),
    ("quality_limitation_resolution_changes", Count(7)),
    ("rtt", Measure(300)),
    ("ssrc", Count(4_294_967_295)),
    ("timestamp", Time),
];

pub(super) const VIDEO_CONSUMER: &[Field] = &[
    ("bytes_received", Count(90_000_000)),
    ("consumer_id", Id),
    ("fir_count", Count(3)),
    ("frame_height", HEIGHT),
    ("frame_width", WIDTH),
    ("frames_decoded", Count(54_000)),
    ("frames_dropped", Count(60)),
    ("frames_per_second", Count(31)),
    ("jitter", Measure(40)),
    ("jitter_buffer_delay", Measure(90_000)),
    ("jitter_buffer_emitted_count", Count(900_000)),
    ("key_frames_decoded", Count(90)),
    ("mid", Word(&["1", "2", "3"])),
    ("mos_quality", Measure(5000)),
    ("packets_lost", Count(30)),
    ("packets_received", Count(400_000)),
    ("peer_id", PeerId),
    ("producer_id", Id),
    ("ssrc", Count(4_294_967_295)),
    ("timestamp", Time),
];

const HEIGHT: Made = Count(1081);
const WIDTH: Made = Count(1921);

const CANDIDATE: &[&str] = &["host", "srflx", "relay"];

/// The 28 fields of a candidate pair.
pub(super) const CANDIDATE_PAIR: &[Field] = &[
    ("nominated", Bool),
    ("available_incoming_bitrate", Count(9_000_000)),
    ("available_outgoing_bitrate", Count(9_000_000)),
    ("bytes_sent", Count(90_000_000)),
    ("bytes_received", Count(90_000_000)),
    ("bytes_discarded_on_send", Count(100)),
    ("packets_sent", Count(400_000)),
    ("packets_received", Count(400_000)),
    ("packets_discarded_on_send", Count(10)),
    ("current_round_trip_time", Measure(300)),
    ("total_round_trip_time", Measure(90_000)),
    ("last_packet_sent_timestamp", EpochMs),
    ("last_packet_received_timestamp", EpochMs),
    ("local_candidate_id", Id),
    ("local_candidate_type", Word(CANDIDATE)),
    ("local_candidate_protocol", Word(&["udp", "tcp"])),
    ("local_candidate_address", Word(&["192.0.2.17", "2001:db8::17"])),
    ("local_candidate_port", Count(65_536)),
    ("local_candidate_network_type", Word(&["wifi", "ethernet", "cellular"])),
    ("local_candidate_related_address", Word(&["192.0.2.1"])),
    ("local_candidate_related_port", Count(65_536)),
    ("local_candidate_url", Word(&["turn:turn.example.com:3478?transport=udp"])),
    ("remote_candidate_id", Id),
    ("remote_candidate_type", Word(CANDIDATE)),
    ("remote_candidate_protocol", Word(&["udp", "tcp"])),
    ("remote_candidate_address", Word(&["198.51.100.3"])),
    ("remote_candidate_port", Count(65_536)),
    ("remote_candidate_url", Word(&["stun:stun.example.com:3478"])),
];

/// Statistics of one measure in a cumulative object.
#[derive(Clone, Copy, Debug)]
pub(super) enum Summary {
    /// Average and percentiles.
    Distribution,
    /// Average, and the part of events beyond 100, 250 and 500 ms.
    Latency,
    /// Average, and the part of events beyond 5, 10, 25 and 50 percent.
    Loss,
    /// A part of all.
    Fraction,
    /// An object of parts.
    Issues(&'static [&'static str]),
}

use Summary::{Distribution, Fraction, Issues, Latency, Loss};

/// A measure: name and statistics.
pub(super) type Measured = (&'static str, Summary);

pub(super) const AUDIO_PRODUCER_SUMMARY: &[Measured] =
    &[("packet_loss", Loss), ("quality_mos", Distribution), ("rtt", Latency)];

pub(super) const AUDIO_CONSUMER_SUMMARY: &[Measured] =
    &[("packet_loss", Loss), ("quality_mos", Distribution), ("jitter_buffer_delay", Latency)];

pub(super) const VIDEO_PRODUCER_SUMMARY: &[Measured] = &[
    ("packet_loss", Loss),
    ("quality_mos", Distribution),
    ("rtt", Latency),
    ("frame_per_second", Distribution),
    ("frame_width", Distribution),
    ("key_frames_encoded_fraction", Fraction),
    ("high_negative_feedback_fraction", Fraction),
    (
        "issues",
        Issues(&[
            "bandwidth_quality_limitation_fraction",
            "cpu_quality_limitation_fraction",
            "no_video_fraction",
            "poor_resolution_fraction",
            "quality_limitation_fraction",
        ]),
    ),
];

pub(super) const VIDEO_CONSUMER_SUMMARY: &[Measured] = &[
    ("packet_loss", Loss),
    ("quality_mos", Distribution),
    ("jitter_buffer_delay", Latency),
    ("frame_per_second", Distribution),
    ("frame_width", Distribution),
    ("key_frames_decoded_fraction", Fraction),
    ("issues", Issues(&["lag_fraction", "no_video_fraction", "poor_resolution_fraction"])),
];

//! Rows of the schedule, as `shared/src/aws/schedule/row.rs` lays them out and `domain/schedule/id.rs` places them.

use jiff::Timestamp;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// In how many buckets the rows of one minute are.
const SHARDS: u64 = 8;

/// Over how long rows lie, in milliseconds.
const SPREAD: u64 = 7 * DAY.unsigned_abs();

/// The time that a finished row is kept, in seconds.
const KEPT: i64 = 30 * 24 * 60 * 60;

/// The state of a row's notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is due days ahead.
    Pending,
    /// It was sent, in a minute that sweeps have left behind.
    Finished,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Finished => "finished",
        }
    }

    /// When the `nth` of `count` rows is due.
    pub(crate) fn due(self, now: i64, nth: u64, count: u64) -> i64 {
        let part = i64::try_from(SPREAD * nth / count).unwrap();
        match self {
            Self::Pending => now + DAY + part,
            Self::Finished => now - 20 * MINUTE - part,
        }
    }

    /// The fields that such a row has besides those of all rows.
    fn fields(self, due: i64) -> String {
        match self {
            Self::Pending => r#""sent":{"M":{}}"#.to_owned(),
            Self::Finished => {
                let expires_at = due / 1000 + KEPT;
                let sent = r#""sent":{"M":{"user:bench":{"N":"1"}}},"done":{"BOOL":true}"#;
                format!(r#"{sent},"sent_at":{{"N":"{due}"}},"expires_at":{{"N":"{expires_at}"}}"#)
            }
        }
    }
}

/// The fields of all rows: a notification to one user that nobody has queued.
const ALL: &str = concat!(
    r#""v":{"N":"1"},"by":{"S":"bench"},"to":{"L":[{"S":"user:bench"}]},"stage":{"S":"scheduled"},"#,
    r#""content":{"S":"{\"title\":\"Your order is on its way\",\"body\":\"It should be there by noon.\"}"}"#,
);

/// A row's key: the bucket that its id names, and the id, a UUID of version 7 whose time is when it is due.
fn key(due: i64, nth: u64) -> String {
    let shard = nth % SHARDS;
    let minute = Timestamp::from_millisecond(due).unwrap().strftime("%Y-%m-%dT%H:%M");
    let (random, due) = (rand::random::<u64>(), due.unsigned_abs());
    let (a, b) = (random & 0xfff, random >> 16 & 0x3fff);
    // The last byte: the shard, and no bit that would make it a series.
    let node = random >> 8 & 0xffff_ffff_fff0 | shard;
    let id = format!("{:08x}-{:04x}-7{a:03x}-{:04x}-{node:012x}", due >> 16, due & 0xffff, b | 0x8000);
    format!(r#""bucket":{{"S":"{minute}#{shard}"}},"id":{{"S":"{id}"}}"#)
}

/// A row, in JSON. It is text, since a debug build takes long to put a million values together.
pub(crate) fn row(kind: Kind, due: i64, nth: u64) -> String {
    format!("{{{},{ALL},{}}}", key(due, nth), kind.fields(due))
}

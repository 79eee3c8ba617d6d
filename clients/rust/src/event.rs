//! The events that a listener reports to its application.

use std::time::Duration;

use crate::channel::Channel;
use crate::item::Item;

/// Something that the application should know. Of one channel, events come in the order of its log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A notification. One with a `seq` comes exactly once and in order; one without (sent with `store: false`) comes
    /// as the network brings it.
    Notification {
        /// Where it was sent to.
        channel: Channel,
        /// The notification.
        item: Box<Item>,
    },
    /// Notifications between the two seqs, both exclusive, may have expired before they could be read.
    Gap {
        /// The newest seq before the gap.
        after: u64,
        /// The first seq behind it.
        resumed_at: u64,
        /// Whose log has the gap.
        channel: Channel,
    },
    /// The log is not the one that the cursor was of (a restored table, another deployment).
    Reset {
        /// Whose log it is.
        channel: Channel,
        /// The cursor, which lies beyond the log.
        after: u64,
        /// The cursor that the log goes on behind.
        seq: u64,
    },
    /// The connection is open; what was missed comes now. Not told when one connection takes another's place.
    Connected,
    /// There is no connection. The listener tries again by itself.
    Disconnected {
        /// Why, for people.
        reason: String,
        /// The wait before it tries again.
        retry_in: Duration,
    },
    /// The server refuses to send a channel. It is asked again with the next connection.
    Refused {
        /// Which.
        channel: Channel,
        /// The stable reason, such as `forbidden`.
        code: String,
        /// The same for people.
        detail: String,
    },
}

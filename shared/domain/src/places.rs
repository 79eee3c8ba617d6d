//! The places of a notification in its channels' logs.

use std::collections::BTreeMap;

use super::channel::Channel;
use super::seq::Seq;

/// The place in each channel that has the notification.
pub type Places = BTreeMap<Channel, Seq>;

/// The channels that have it, in the order of the request.
pub fn in_order<'a>(to: &'a [Channel], places: &'a Places) -> impl Iterator<Item = (&'a Channel, Seq)> {
    to.iter().filter_map(|channel| Some((channel, *places.get(channel)?)))
}

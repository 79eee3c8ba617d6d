//! Scheduling: the time and the id of a notification, and its way into the queue.
//!
//! A scheduled notification is a row in the bucket of the minute in which it is due. The queue wakes `deliver` on time,
//! and one of two queues the message: the writer of the row, if it is due so soon that the sweeper may have passed its
//! place; else the sweeper. [`sweep`] holds the bounds between them, [`progress`] the sweeper's progress.

pub mod id;
pub mod progress;
pub mod repeat;
pub mod state;
pub mod sweep;
pub mod timing;

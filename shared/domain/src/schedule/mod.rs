//! Sending later: when, under which id, and who hands it to the queue.
//!
//! A scheduled notification is a row in the bucket of the minute in which it is due. Two hand it to the queue, which wakes
//! `deliver` on time: whoever writes the row, if it is due so soon that the sweeper may have passed its place; else the
//! sweeper. [`sweep`] holds the bounds between them, [`progress`] how far the sweeper has come.

pub mod id;
pub mod progress;
pub mod repeat;
pub mod state;
pub mod sweep;
pub mod timing;

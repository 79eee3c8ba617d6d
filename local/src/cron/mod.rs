//! Schedule expressions: the calendars and periods that rules fire by.

mod expression;
mod field;

pub(crate) use self::expression::{Calendar, Expression};

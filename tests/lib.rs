//! The wire tests are in `wire/`.

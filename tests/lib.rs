//! The tests are in `wire/`: they drive the real function binaries over the wire, on a local stack of their own each.

//! Nothing but a place for dependencies: the tests are in `wire/`, where they drive the real function binaries over the wire, and the
//! benches in `examples/`.

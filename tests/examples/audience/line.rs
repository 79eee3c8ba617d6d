//! Growth in a straight line.

/// A line, `constant + each × connections`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) constant: f64,
    pub(crate) each: f64,
}

impl Line {
    /// Through two points.
    pub(crate) fn through((from, low): (f64, f64), (to, high): (f64, f64)) -> Self {
        let each = (high - low) / (to - from);
        Self { constant: low - each * from, each }
    }

    pub(crate) fn at(self, connections: f64) -> f64 {
        self.constant + self.each * connections
    }
}
